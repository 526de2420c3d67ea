/**
 * Everything that reaches behind Nest's public API, in one place: when a new Nest breaks us, it breaks here.
 *
 * The pieces of `ExternalContextCreator` are put together by hand instead of calling its `create()`, because that
 * (1) lets a filter's return value turn a failure into a success, (2) does not tell whether the handler was entered,
 * and (3) runs pipes over the context as well as over the payload.
 */
import type { Type } from '@nestjs/common';
import {
  ENTRY_PROVIDER_WATERMARK,
  EXCEPTION_FILTERS_METADATA,
  type ExceptionFilterMetadata,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PARAMTYPES_METADATA,
  PIPES_METADATA,
  ROUTE_ARGS_METADATA,
  assignMetadata,
  getParamArgsMetadata,
  selectExceptionFilterMetadata,
} from '@nestjs/common/internal';
import { type ContextId, ContextIdFactory } from '@nestjs/core';
import type { DiscoveryService, ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import {
  type ContextUtils,
  ExecutionContextHost,
  type GuardsContextCreator,
  Injector,
  type InstanceWrapper,
  type InterceptorsConsumer,
  type InterceptorsContextCreator,
  type Module,
  type PipesContextCreator,
  STATIC_CONTEXT,
} from '@nestjs/core/internal';
import { MessagingError } from '../protocol/index.js';
import {
  CONTEXT_PARAMETER,
  type Method,
  PAYLOAD_PARAMETER,
  type Parameter,
  directCall,
  findMethod,
  pickParameter,
} from './handler/method-call.js';
import { type ParameterValues, type RunPipes, parameterValues } from './handler/parameter-values.js';
import { settledValue } from './handler/settled-value.js';

/** What a handler without parameter decorators is called with; kept apart from the parameters of HTTP routes. */
const DEFAULT_PARAMETERS = 'nestmq:default-parameters';
const CONTEXT_TYPE = 'mq';

type ParameterOptions = Parameters<typeof assignMetadata>[3];

/** Makes request-scoped and transient global enhancers apply to the class, as they do to controllers. */
export function markEntryProvider(target: object): void {
  Reflect.defineMetadata(ENTRY_PROVIDER_WATERMARK, true, target.constructor);
}

export function addParameter(
  target: object,
  key: string | symbol,
  index: number,
  type: number,
  options: ParameterOptions,
): void {
  const args = getParamArgsMetadata(ROUTE_ARGS_METADATA, target, key, index);
  const added = assignMetadata(args, type, index, options);
  Reflect.defineMetadata(ROUTE_ARGS_METADATA, added, target.constructor, key);
}

export function addDefaultParameters(target: object, key: string): void {
  const payload = assignMetadata({}, PAYLOAD_PARAMETER, 0, { pipes: [] });
  const both = assignMetadata(payload, CONTEXT_PARAMETER, 1, { pipes: [] });
  Reflect.defineMetadata(DEFAULT_PARAMETERS, both, target.constructor, key);
}

/** A provider or controller, seen without running any code of the application. */
export interface HostClass {
  readonly name: string;
  readonly moduleName: string;
  readonly prototype: object;
  /** The one instance; undefined for request-scoped and transient classes, which are made for each message. */
  readonly instance: object | undefined;
  readonly wrapper: InstanceWrapper;
}

export function findHostClasses(discovery: DiscoveryService): HostClass[] {
  const found: HostClass[] = [];
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    // An alias names an instance that is visited under its own token.
    if (wrapper.isAlias) continue;
    const single = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
    const prototype = prototypeOf(wrapper, single);
    if (prototype === undefined) continue;
    const descriptor = Object.getOwnPropertyDescriptor(prototype, 'constructor');
    found.push({
      name: typeof descriptor?.value === 'function' ? (descriptor.value as Type).name : String(wrapper.name),
      moduleName: wrapper.host?.name ?? '',
      prototype,
      instance: single ? (wrapper.instance as object) : undefined,
      wrapper,
    });
  }
  return found;
}

function prototypeOf(wrapper: InstanceWrapper, single: boolean): object | undefined {
  const { instance, token } = wrapper as { instance: unknown; token: unknown };
  if (typeof instance === 'object' && instance !== null) {
    const prototype = Object.getPrototypeOf(instance) as object | null;
    return prototype === null || prototype === Object.prototype ? undefined : prototype;
  }
  // A request-scoped factory has made nothing yet: what it promises is the class that it is provided as.
  return !single && typeof token === 'function' ? (token as Type).prototype : undefined;
}

export interface LifecycleHooks {
  /** Before any other `onModuleInit`; every instance exists by then. */
  onFirstInit(): Promise<void>;
  /** After the other providers' `onApplicationBootstrap`. */
  onLastBootstrap(): Promise<void>;
  /** Before any other `onModuleDestroy`. */
  onFirstDestroy(): Promise<void>;
  /** After the other providers' `onApplicationShutdown`. */
  onLastShutdown(): Promise<void>;
}

/**
 * Nest runs hooks module by module, furthest from the root first (and the other way round on the way down), and in a
 * module by level of dependency. A provider of our own can only be somewhere in the middle, so two values are added
 * at the ends: level -1 of the furthest module and the highest level of the nearest.
 */
export function installLifecycleHooks(modules: ModulesContainer, hooks: LifecycleHooks): void {
  const sorted = [...modules.values()].sort((a, b) => b.distance - a.distance);
  const furthest = sorted.at(0)!;
  const nearest = sorted.at(-1)!;
  const insert = (module: Module, level: number, value: object): void => {
    const token = Symbol('nestmq:lifecycle');
    module.addProvider({ provide: token, useValue: value });
    module.providers.get(token)!.hierarchyLevel = level;
  };
  insert(furthest, -1, {
    onModuleInit: () => hooks.onFirstInit(),
    onApplicationShutdown: () => hooks.onLastShutdown(),
  });
  insert(nearest, Number.MAX_SAFE_INTEGER, {
    onApplicationBootstrap: () => hooks.onLastBootstrap(),
    onModuleDestroy: () => hooks.onFirstDestroy(),
  });
}

/** The private fields of `ExternalContextCreator` that we use. */
interface CreatorParts {
  guardsContextCreator: GuardsContextCreator;
  interceptorsContextCreator: InterceptorsContextCreator;
  interceptorsConsumer: InterceptorsConsumer;
  pipesContextCreator: PipesContextCreator;
  filtersContextCreator: {
    create(instance: object, callback: Method, moduleKey: string, contextId: ContextId, inquirerId: string): object;
  };
  contextUtils: ContextUtils;
}

/** What stands between a message and its method, for one instance of the class. */
interface Pieces {
  readonly instance: object;
  readonly canActivate: ((args: unknown[]) => Promise<void>) | null;
  readonly interceptors: Parameters<InterceptorsConsumer['intercept']>[0];
  readonly parameters: readonly Parameter[];
  readonly parameterCount: number;
  readonly filters: ExceptionFilterMetadata[];
}

/** One message on its way through the enhancers. */
export interface Passage {
  /** Payload and context: what `getArgs()` of the execution context gives. */
  readonly args: [payload: unknown, context: object];
  /** Whether the handler itself was reached. */
  entered: boolean;
  /** Makes the arguments another way than one by one; undefined from it: nothing is left to call the handler with. */
  readonly values?: ParameterValues;
  /** The filters that apply; empty until the instance of a request-scoped class is there. */
  pieces: Pieces | undefined;
}

/** Guards, interceptors, pipes, parameters and filters of one listener method. */
export class HandlerPipeline {
  private readonly method: Method;
  private readonly parts: CreatorParts;
  private readonly injector = new Injector();
  private readonly moduleKey: string;
  private readonly fixed: Pieces | undefined;
  /** Calls the method at once; undefined when anything but filters stands before it. */
  readonly direct: ((payload: unknown, context: object) => unknown) | undefined;

  constructor(
    private readonly creator: ExternalContextCreator,
    modules: ModulesContainer,
    private readonly host: HostClass,
    private readonly methodName: string,
    /** What stands before all others, and whether it has to. */
    private readonly arrange: (interceptors: Pieces['interceptors']) => Pieces['interceptors'] = (given) => given,
  ) {
    this.parts = partsOf(creator);
    this.method = findMethod(host.prototype, methodName)!;
    this.moduleKey = [...modules.entries()].find(([, module]) => module === host.wrapper.host)?.[0] ?? '';
    this.refuseEnhancersNestDoesNotKnow(modules);
    if (host.instance !== undefined) {
      this.fixed = this.pieces(host.instance, STATIC_CONTEXT);
      this.direct = directCall(this.fixed, this.method);
    }
  }

  /** Runs guards, interceptors, pipes and the handler; filters are left to `filterFor`. */
  async run(passage: Passage): Promise<unknown> {
    const pieces = this.fixed ?? (await this.piecesFor(passage.args[1]));
    passage.pieces = pieces;
    if (pieces.canActivate !== null) await pieces.canActivate(passage.args);
    const next = async (): Promise<unknown> => {
      const values = await (passage.values ?? parameterValues)(pieces, passage.args, this.runPipes);
      if (values === undefined) return undefined;
      passage.entered = true;
      return this.method.apply(pieces.instance, values);
    };
    const { interceptors, instance } = pieces;
    const { interceptorsConsumer: consumer } = this.parts;
    const args = passage.args;
    return settledValue(await consumer.intercept(interceptors, args, instance, this.method, next, CONTEXT_TYPE));
  }

  /** The filter that Nest would choose for the error, ready to be called. */
  filterFor(error: unknown, passage: Passage | undefined, args: [unknown, object]): (() => unknown) | undefined {
    const pieces = passage?.pieces ?? this.fixed;
    if (pieces === undefined || pieces.filters.length === 0) return undefined;
    const filter = selectExceptionFilterMetadata(pieces.filters, error);
    if (filter === undefined) return undefined;
    return () => {
      const host = new ExecutionContextHost(args, pieces.instance.constructor as Type, this.method);
      host.setType(CONTEXT_TYPE);
      return filter.func(error, host);
    };
  }

  private async piecesFor(context: object): Promise<Pieces> {
    const contextId = ContextIdFactory.getByRequest(context as Record<string, unknown>);
    const { wrapper } = this.host;
    const module = wrapper.host!;
    this.creator.registerRequestProvider(context, contextId);
    const collection = isController(wrapper) ? module.controllers : module.providers;
    const loading = this.injector.loadPerContext(wrapper.instance as object, module, collection, contextId, wrapper);
    const instance = (await loading) as object;
    return this.pieces(instance, contextId);
  }

  private pieces(instance: object, contextId: ContextId): Pieces {
    const { parts, method, moduleKey, methodName } = this;
    const inquirerId = this.host.wrapper.id;
    const declares = declaredParameters(this.host.prototype, methodName) !== undefined;
    const key = declares ? ROUTE_ARGS_METADATA : DEFAULT_PARAMETERS;
    const factory = { exchangeKeyForValue: pickParameter as (type: number, data: unknown, args: unknown) => unknown };
    const known = this.creator.getMetadata(instance, methodName, key, factory, CONTEXT_TYPE);
    const pipes = parts.pipesContextCreator.create(instance, method, moduleKey, contextId, inquirerId);
    const guards = parts.guardsContextCreator.create(instance, method, moduleKey, contextId, inquirerId);
    const interceptors = parts.interceptorsContextCreator.create(instance, method, moduleKey, contextId, inquirerId);
    const filters = parts.filtersContextCreator.create(instance, method, moduleKey, contextId, inquirerId);
    const declared = known.getParamsMetadata(moduleKey, contextId, inquirerId) ?? [];
    parts.contextUtils.warnOnMissingParamtypes?.(instance, methodName, known.paramtypes, pipes, declared);
    const parameters = declared.map((parameter): Parameter => ({
      index: parameter.index,
      type: parameter.type,
      extractValue: parameter.extractValue as (...args: unknown[]) => unknown,
      // The context is ours, not the sender's: a pipe made for payloads would refuse it.
      pipes: (parameter.type as unknown) === CONTEXT_PARAMETER ? parameter.pipes : pipes.concat(parameter.pipes),
      metadata: {
        metatype: known.paramtypes?.[parameter.index],
        type: parameter.type,
        data: parameter.data,
        schema: (parameter as { schema?: unknown }).schema,
      },
    }));
    return {
      instance,
      canActivate: this.creator.createGuardsFn(guards, instance, method, CONTEXT_TYPE) as Pieces['canActivate'],
      interceptors: this.arrange(interceptors),
      parameters,
      parameterCount: known.argsLength,
      filters: (filters as { filters?: ExceptionFilterMetadata[] }).filters ?? [],
    };
  }

  private readonly runPipes: RunPipes = (value, { metadata, pipes }) =>
    this.creator.getParamValue(value, metadata as never, pipes as never);

  /**
   * Nest creates enhancers for classes that it creates itself. One that is named as a class on a `useValue` or
   * `useFactory` provider is silently left out, and a guard that is left out is a hole.
   */
  private refuseEnhancersNestDoesNotKnow(modules: ModulesContainer): void {
    const { wrapper, prototype } = this.host;
    const known = modules.get(this.moduleKey)?.injectables;
    const classRef = prototype.constructor;
    const verbs = [
      [GUARDS_METADATA, 'canActivate'],
      [INTERCEPTORS_METADATA, 'intercept'],
      [PIPES_METADATA, 'transform'],
      [EXCEPTION_FILTERS_METADATA, 'catch'],
    ] as const;
    for (const [key, verb] of verbs) {
      for (const target of [classRef, this.method]) {
        for (const enhancer of (Reflect.getMetadata(key, target) as unknown[] | undefined) ?? []) {
          if (typeof enhancer !== 'function' || known?.has(enhancer as Type) || verb in enhancer) continue;
          throw this.leftOut(`${enhancer.name} is bound to it as a class`, `, or bind an instance of ${enhancer.name}`);
        }
      }
    }
    const entry = isController(wrapper) || wrapper.host?.entryProviders.includes(wrapper) === true;
    if (!entry && hasScopedGlobalEnhancers(modules)) {
      throw this.leftOut('there are request-scoped or transient global enhancers', '');
    }
  }

  private leftOut(what: string, otherCure: string): MessagingError {
    const { name, wrapper } = this.host;
    return new MessagingError(
      'CONFIGURATION',
      `the listener ${name}.${this.methodName}: ${what}, but Nest did not create ${name} (it is provided as ` +
        `${String(wrapper.name)} by value or factory) and would leave them out: provide ${name} as a class${otherCure}`,
    );
  }
}

/** The declared type of the parameter that gets the payload, when the compiler emitted it. */
export function payloadType(prototype: object, methodName: string): unknown {
  const declared = declaredParameters(prototype, methodName);
  const index =
    declared === undefined
      ? 0
      : Object.entries(declared).find(
          ([key, { data }]) => Number(key.split(':')[0]) === PAYLOAD_PARAMETER && !data,
        )?.[1].index;
  if (index === undefined) return undefined;
  return (Reflect.getMetadata(PARAMTYPES_METADATA, prototype, methodName) as unknown[] | undefined)?.[index];
}

function declaredParameters(
  prototype: object,
  methodName: string,
): Record<string, { index: number; data?: unknown }> | undefined {
  const declared = Reflect.getMetadata(ROUTE_ARGS_METADATA, prototype.constructor, methodName) as
    Record<string, { index: number; data?: unknown }> | undefined;
  return declared !== undefined && Object.keys(declared).length > 0 ? declared : undefined;
}

function isController(wrapper: InstanceWrapper): boolean {
  return wrapper.host?.controllers.get(wrapper.token) === wrapper;
}

function hasScopedGlobalEnhancers(modules: ModulesContainer): boolean {
  for (const module of modules.values()) {
    for (const injectable of module.injectables.values()) {
      // Global enhancers stand among the injectables under a generated token, others under their class.
      if (typeof injectable.token === 'string' && /^APP_(GUARD|PIPE|INTERCEPTOR|FILTER)/.test(injectable.token))
        return true;
    }
  }
  return false;
}

function partsOf(creator: ExternalContextCreator): CreatorParts {
  const parts = creator as unknown as CreatorParts;
  const needed = [
    'guardsContextCreator',
    'interceptorsContextCreator',
    'interceptorsConsumer',
    'pipesContextCreator',
    'filtersContextCreator',
    'contextUtils',
  ] as const;
  const missing = needed.filter((name) => typeof parts[name] !== 'object');
  if (missing.length > 0) {
    throw new MessagingError(
      'CONFIGURATION',
      `this @nestjs/core has no ${missing.join(', ')} in its ExternalContextCreator: use a version of the peer range`,
    );
  }
  return parts;
}
