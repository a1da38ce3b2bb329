package dev.holdfast.redirector.steer;

import java.io.IOException;
import java.util.List;

/**
 * The one place through which this program changes the kernel's network configuration, or reads it.
 */
public interface Kernel {
  /**
   * Carries out one command.
   *
   * @throws KernelRefusal with the tool's own words when the kernel refused
   * @throws IOException when the tool cannot be started
   */
  void run(KernelChange.Command command) throws IOException;

  /** Runs {@code ip -j ARGUMENTS} and returns what it printed ("[]" for nothing). */
  String query(String arguments) throws IOException;

  /** Runs {@code bridge -j ARGUMENTS} and returns what it printed ("[]" for nothing). */
  String bridgeQuery(String arguments) throws IOException;

  /** Runs {@code nft -j ARGUMENTS} and returns what it printed ("{}" for nothing). */
  String nftQuery(String arguments) throws IOException;

  /**
   * Runs {@code tc ARGUMENTS}, for an interface that is ours and takes everything with it when it
   * goes: such a change needs no undo.
   */
  void tc(String arguments) throws IOException;

  /**
   * What {@code tool} (iptables-nft-save, ip6tables-legacy-save ...) prints; "" where it is not
   * installed, or where this host has no tables of that variant.
   */
  String filterSave(String tool) throws IOException;

  /** Value of a sysctl, trimmed; path relative to /proc/sys, with dots or slashes. */
  String sysctl(String path) throws IOException;

  /**
   * Runs an nft script in this process, without starting one: for the moments that count.
   *
   * @throws IOException with nft's own words
   */
  void nftNow(String script) throws IOException;

  /**
   * As {@link #nftNow}, of commands that only list: what they print, as text; "" where this kernel
   * is none.
   */
  default String nftListNow(String script) throws IOException {
    return "";
  }

  /**
   * Asks whether this kernel would take an nft script; nothing is changed.
   *
   * @throws KernelRefusal with nft's own words where it would not
   */
  default void nftCheck(String script) throws IOException {
    throw new KernelRefusal("nft is not asked here");
  }

  /**
   * Runs {@code conntrack ARGUMENTS} with {@code input} on its standard input, and returns what it
   * printed.
   *
   * @throws KernelRefusal with the tool's own words
   * @throws IOException when the tool cannot be started
   */
  default String conntrack(String arguments, String input) throws IOException {
    throw new KernelRefusal("connections are not tracked here");
  }

  /** Runs commands in order; on the first that fails, the rest is not run. */
  default void runAll(List<KernelChange.Command> commands) throws IOException {
    for (KernelChange.Command command : commands) {
      run(command);
    }
  }
}
