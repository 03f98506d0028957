import type { LiveAssociation } from "./association.ts";
import type { Context } from "./context.ts";
import type { CloseReason } from "./server-io.ts";

/** Forgets an association and overwrites its keys; a question that is open for it is answered in vain. */
export function closeAssociation(context: Context, association: LiveAssociation, reason: CloseReason): void {
  if (association.isClosed) return;
  // Nobody looks at the mark of one that ended; of one that is another node's this node would be refused.
  if (reason === "idle" || reason === "evicted") tellMark(context, association);
  association.isClosed = true;
  association.waiting = undefined;
  context.associations.remove(association);
  context.deadlines.delete(association);
  context.lastFlights.delete(association);
  context.keys.erase(association);
  context.out.push({ type: "closed", association, reason });
}

/** Tells how far an association was received, if that is news. */
export function tellMark(context: Context, association: LiveAssociation): void {
  context.deadlines.delete(association);
  if (association.unmarked === 0) return;
  association.unmarked = 0;
  context.out.push({ type: "mark", association, mark: association.mark });
}
