// Reads TypeScript just far enough to tell code from comments, strings and regular expressions.

const REGEX_MAY_FOLLOW =
  /(?:^|[=(,:[!&|?{};+\-*%~^<>]|=>|\b(?:return|typeof|case|in|of|do|else|void|throw|yield|await|new|delete))$/;

/**
 * The source with comments blanked and every string literal replaced by `"<index>"` (its text is in `strings`).
 * Line breaks stay, so that a position in `code` is on the same line as in the source. What stands in the `${}` of
 * a template is code.
 */
export function readSource(text) {
  const strings = [];
  let code = '';
  let at = 0;
  const templates = []; // for each open `${`, the depth of braces inside it
  const emitString = (value, raw) => {
    code += `"${strings.push(value) - 1}"` + raw.replace(/[^\n]/g, '');
  };
  const readTemplate = () => {
    // `at` is behind the opening ` or the closing } of a substitution
    const start = at;
    while (at < text.length) {
      if (text[at] === '\\') at += 2;
      else if (text[at] === '`') {
        emitString(text.slice(start, at), text.slice(start, at));
        at++;
        return;
      } else if (text[at] === '$' && text[at + 1] === '{') {
        emitString(text.slice(start, at), text.slice(start, at));
        at += 2;
        code += '+(';
        templates.push(0);
        return;
      } else at++;
    }
  };
  while (at < text.length) {
    const char = text[at];
    const next = text[at + 1];
    if (char === '/' && next === '/') {
      while (at < text.length && text[at] !== '\n') at++;
    } else if (char === '/' && next === '*') {
      const end = text.indexOf('*/', at + 2);
      const stop = end < 0 ? text.length : end + 2;
      code += ' ' + text.slice(at, stop).replace(/[^\n]/g, '');
      at = stop;
    } else if (char === "'" || char === '"') {
      const start = ++at;
      while (at < text.length && text[at] !== char && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
      emitString(text.slice(start, at), '');
      at++;
    } else if (char === '`') {
      at++;
      readTemplate();
    } else if (char === '/' && REGEX_MAY_FOLLOW.test(code.slice(-12).trimEnd())) {
      const start = at++;
      let inClass = false;
      while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
        if (text[at] === '\\') at++;
        else if (text[at] === '[') inClass = true;
        else if (text[at] === ']') inClass = false;
        at++;
      }
      at++;
      emitString(text.slice(start, at), '');
    } else if (char === '{' && templates.length > 0) {
      templates[templates.length - 1]++;
      code += char;
      at++;
    } else if (char === '}' && templates.length > 0) {
      at++;
      if (templates[templates.length - 1]-- === 0) {
        templates.pop();
        code += ')+';
        readTemplate();
      } else code += char;
    } else {
      code += char;
      at++;
    }
  }
  return { code, strings };
}

const IMPORTS = [
  /\b(?:import|export)\b[^"()=;]*?\bfrom\s*"(\d+)"/g, // import … from, export … from
  /\bimport\s*"(\d+)"/g, // for its effects
  /\b(?:import|require)\s*\(\s*"(\d+)"/g, // dynamic, and the type import("…")
];

/** Every module that the source names: `{ specifier, line, typeOnly }`; `typeOnly`: nothing of it is emitted. */
export function importsOf({ code, strings }) {
  const found = [];
  for (const pattern of IMPORTS) {
    for (const match of code.matchAll(pattern)) {
      const line = lineAt(code, match.index + match[0].length - 1);
      const typeOnly = /^(?:import|export)\s+type\b(?!\s*from\b)/.test(match[0]);
      found.push({ specifier: strings[Number(match[1])], line, typeOnly });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}

export function lineAt(code, index) {
  let line = 1;
  for (let i = code.indexOf('\n'); i >= 0 && i < index; i = code.indexOf('\n', i + 1)) line++;
  return line;
}
