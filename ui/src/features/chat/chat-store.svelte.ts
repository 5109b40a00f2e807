// The chat that is open: read once, then kept current by events.

import type { Chat, ChatEvent, ChatSummary, Message, ModelChoice, SamplingSettings, SentMessage } from "../../bindings/protocol";
import { call } from "../../app/backend";
import { live } from "../../app/live.svelte";
import { attempt } from "../../app/notices.svelte";
import { go } from "../../app/route.svelte";

/** What a chat will be made with when its first question is sent. */
export interface Fresh {
  choice: ModelChoice | null;
  second: ModelChoice | null;
  system: string | null;
  sampling: SamplingSettings | null;
}

const NOTHING: Fresh = { choice: null, second: null, system: null, sampling: null };
/** What was chosen for a chat that has no question yet; a look at another room must not cost it. */
let kept = NOTHING;

export class ChatStore {
  chat: Chat | undefined = $state();
  fresh: Fresh = $state(kept);
  /** Why the answer has not begun, in the words of the core. */
  waiting: string | null = $state(null);
  sending = $state(false);
  history: ChatSummary[] | undefined = $state();
  /** Small models write more often than a screen draws, and every change of a text is a new page. */
  private readonly arrived = new Map<number, string>();
  private frame = 0;

  readonly choice = $derived.by<ModelChoice | null>(() => {
    const chosen = this.chat ? this.chat.choice : (this.fresh.choice ?? live.settings?.choice ?? null);
    return chosen ?? this.fallback;
  });
  readonly second = $derived<ModelChoice | null>(this.chat ? this.chat.second : this.fresh.second);
  readonly sampling = $derived<SamplingSettings | undefined>(this.chat?.sampling ?? this.fresh.sampling ?? live.settings?.sampling);
  readonly system = $derived<string>(this.chat?.system ?? this.fresh.system ?? live.settings?.system ?? "");
  /** A chat that is read just when its answer ends may still name the job. */
  readonly answering = $derived(this.sending || ((this.chat?.job ?? null) !== null && this.chat?.messages.some(isOpen) === true));

  /** The first model that sees, where nothing was chosen yet. */
  private get fallback(): ModelChoice | null {
    const stack = live.models?.find((model) => model.kind === "stack" && !model.fault) ?? live.models?.find((model) => model.kind === "language_model");
    return stack ? { model: stack.id, checkpoint: null } : null;
  }

  async open(id: string | null): Promise<void> {
    this.waiting = null;
    if (id === null) {
      this.chat = undefined;
      return;
    }
    if (this.chat?.id === id) return;
    this.arrived.clear();
    this.chat = undefined;
    await this.read(id);
  }

  async read(id: string): Promise<void> {
    const chat = await attempt(() => call("get_chat", { chat: id }));
    // What has arrived is in it.
    this.arrived.clear();
    if (chat) this.chat = chat;
    else if (this.chat?.id !== id) go("chat");
  }

  async reread(): Promise<void> {
    if (this.chat) await this.read(this.chat.id);
  }

  /** Sends a question; makes the chat first when there is none. */
  async send(text: string, pictures: number[]): Promise<boolean> {
    this.sending = true;
    const [isNew, wishes] = [this.chat === undefined, this.fresh];
    try {
      const chat = this.chat ?? (await this.create());
      const sent = await call("send_message", { chat: chat.id, text, pictures }).catch(async (thrown: unknown) => {
        // A chat that was made for a question that is refused would stay empty.
        if (isNew) {
          kept = $state.snapshot(wishes);
          if (this.chat?.id === chat.id) [this.chat, this.fresh] = [undefined, wishes];
          await attempt(() => call("delete_chat", { chat: chat.id }));
        }
        throw thrown;
      });
      this.chat ??= chat;
      this.take(sent);
      if (location.hash !== `#/chat/${encodeURIComponent(chat.id)}`) go("chat", chat.id);
      return true;
    } finally {
      this.sending = false;
    }
  }

  private async create(): Promise<Chat> {
    const { second, sampling, system } = this.fresh;
    let chat = await call("create_chat", { choice: this.choice, system });
    if (second || sampling) chat = await call("change_chat", { chat: chat.id, second, sampling });
    this.fresh = kept = NOTHING;
    this.chat = chat;
    return chat;
  }

  take(sent: SentMessage): void {
    if (!this.chat) return;
    const coming = [...(sent.question ? [sent.question] : []), ...sent.answers];
    const known = new Set(coming.map((message) => message.id));
    // An event may have come before the reply did; what it brought stays.
    const old = new Map(this.chat.messages.map((message) => [message.id, message]));
    this.chat.messages = [...this.chat.messages.filter((message) => !known.has(message.id)), ...coming.map((message) => old.get(message.id) ?? message)];
    this.chat.current = sent.answers[0]?.id ?? this.chat.current;
    // All may be over before the reply is there; the job is then too.
    this.chat.job = sent.answers.some((answer) => isOpen(old.get(answer.id) ?? answer)) ? sent.job : null;
  }

  async regenerate(answer: Message): Promise<void> {
    const { chat } = this;
    if (!chat || this.answering) return;
    const sent = await attempt(() => call("regenerate", { chat: chat.id, answer: answer.id }));
    if (sent) this.take(sent);
  }

  /** Asks another question in the place of one. Says whether that was accepted. */
  async edit(question: Message, text: string): Promise<boolean> {
    const { chat } = this;
    if (!chat || this.answering) return false;
    const pictures = question.pictures.map((picture) => picture.id);
    const sent = await attempt(() => call("edit_message", { chat: chat.id, message: question.id, text, pictures }));
    if (sent) this.take(sent);
    return sent !== undefined;
  }

  async show(message: Message): Promise<void> {
    const { chat } = this;
    if (!chat) return;
    const changed = await attempt(() => call("show_branch", { chat: chat.id, message: message.id }));
    if (changed) this.chat = changed;
  }

  async remove(message: Message): Promise<void> {
    const { chat } = this;
    if (!chat) return;
    const changed = await attempt(() => call("delete_message", { chat: chat.id, message: message.id }));
    if (changed) this.chat = changed;
  }

  async stop(): Promise<void> {
    const job = this.chat?.job;
    if (job !== null && job !== undefined) await attempt(() => call("cancel_job", { job }));
  }

  /** Changes the open chat, or what the next one will be made with. Says whether that was accepted. */
  async change(what: Partial<Fresh>): Promise<boolean> {
    const { chat } = this;
    if (!chat) {
      this.fresh = kept = { ...$state.snapshot(this.fresh), ...what };
      return true;
    }
    const one_answer = "second" in what && what.second === null ? true : null;
    const changed = await attempt(() => call("change_chat", { chat: chat.id, ...what, one_answer }));
    // A reply must not undo text that arrived meanwhile.
    if (changed && this.chat?.id === chat.id) this.chat = { ...changed, messages: this.chat.messages, current: this.chat.current, job: this.chat.job };
    return changed !== undefined;
  }

  /** Shows the text that came since the last frame. */
  private write(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    for (const message of this.chat?.messages ?? []) message.text += this.arrived.get(message.id) ?? "";
    this.arrived.clear();
  }

  happened(id: string, event: ChatEvent): void {
    const chat = this.chat;
    if (!chat || chat.id !== id) return;
    if (event.kind !== "text") this.write();
    const message = "message" in event ? chat.messages.find((one) => one.id === event.message) : undefined;
    switch (event.kind) {
      case "waiting":
        this.waiting = event.reason;
        break;
      case "started":
        this.waiting = null;
        if (message) message.model_name = event.model_name;
        break;
      case "text":
        this.arrived.set(event.message, (this.arrived.get(event.message) ?? "") + event.text);
        this.frame ||= requestAnimationFrame(() => this.write());
        break;
      case "finished":
        if (message) {
          message.finish = event.finish;
          message.stats = event.stats;
        }
        this.settle();
        break;
      case "failed":
        if (message) {
          message.finish = "failed";
          message.error = event.error;
        }
        this.settle();
        break;
      case "titled":
        chat.title = event.title;
        break;
      default:
    }
  }

  /** When the last answer ended, the chat is read again: the file is the truth. */
  private settle(): void {
    const chat = this.chat;
    if (!chat || chat.messages.some(isOpen)) return;
    this.waiting = null;
    chat.job = null;
    void this.reread();
  }
}

/** Whether an answer is still being written. */
function isOpen(message: Message): boolean {
  return message.author === "assistant" && message.finish === null;
}
