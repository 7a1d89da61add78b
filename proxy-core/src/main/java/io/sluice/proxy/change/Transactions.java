package io.sluice.proxy.change;

import io.sluice.config.Document;
import io.sluice.config.Transaction;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The one way to change what is in force. Any thread. */
public interface Transactions {
  /**
   * Has a transaction done, after those that were asked for before. The answer comes when it is in
   * force, or is known not to be; on the control thread, which mustn't be held up.
   */
  CompletableFuture<Answer> apply(Transaction transaction, Who who);

  /** The last generations, the one in force first. */
  List<Generation> history();

  /** What is in force, layer by layer. */
  Document document();
}
