import type { Inbox, RecipeSink } from "./inbox";
import type { NativeValue } from "./native";
import * as record from "./record";
import { EventStream } from "./stream";
import type { RecipeEvent } from "./vocabulary";

/** @internal The events of a running recipe, each as `convert` makes it, until `stop`. */
export function follow<T>(
  inbox: Inbox,
  start: string,
  stop: string,
  args: () => unknown[],
  convert: (event: RecipeEvent) => T,
): Promise<EventStream<T>> {
  return inbox.recipe(start, args, (value) => {
    const events = new EventStream<T>(() => end(inbox, value, stop));
    inbox.attach(value[1] as number, sink(events, convert));
    return events;
  });
}

/** @internal Ends a recipe; that it has ended already is no error. */
export function end(inbox: Inbox, value: NativeValue, stop: string): Promise<void> {
  return inbox.recipe(stop, () => [value[1]], record.done).catch(() => {});
}

/** @internal */
export function sink<T>(
  events: EventStream<T>,
  convert: (event: RecipeEvent) => T,
): RecipeSink {
  return {
    event: (event) => (event.kind === "ended" ? events.end() : events.push(convert(event))),
    end: () => events.end(),
  };
}
