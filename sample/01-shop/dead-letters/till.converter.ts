import { DefaultMessageConverter, type EncodedPayload, type MessageConverter } from 'nestmq';

/** What an old till writes: meant to be JSON, passed on as it comes. */
export class TillText {
  constructor(readonly text: string) {}
}

/** Passes on the words of old tills unread, and gives bytes to a listener that asks for bytes. */
export class TillConverter implements MessageConverter {
  private readonly standard = new DefaultMessageConverter();

  encode(payload: unknown): EncodedPayload {
    if (payload instanceof TillText) return { body: Buffer.from(payload.text), contentType: 'json' };
    return this.standard.encode(payload);
  }

  decode(...[body, contentType, type]: Parameters<MessageConverter['decode']>): unknown {
    return type === Buffer ? body : this.standard.decode(body, contentType, type);
  }
}
