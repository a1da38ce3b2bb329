package dev.holdfast.redirector.dns;

/**
 * Hears how a DNS change goes. Called by the thread that runs the step: before anything is sent to
 * a server, so that a journal can say first what is about to be done, and after each outcome.
 */
@FunctionalInterface
public interface DnsListener {
  /** Hears nothing. */
  DnsListener NONE = (state, text) -> {};

  /**
   * Something has happened.
   *
   * @param state what to journal, whole
   * @param text a sentence for the operator
   */
  void changed(DnsState state, String text);
}
