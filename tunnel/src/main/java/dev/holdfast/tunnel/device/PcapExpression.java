package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.packet.FilterProgram;
import dev.holdfast.tunnel.sys.ClassicBpf.Instruction;
import dev.holdfast.tunnel.sys.LibPcap;
import java.io.IOException;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.locks.ReentrantLock;

/** Expressions of pcap-filter(7), compiled by libpcap for IP packets without a link's header. */
public final class PcapExpression {
  private static final ReentrantLock LIBRARY = new ReentrantLock();

  private PcapExpression() {}

  /** Loads the library when the first expression is compiled. */
  private static final class Loaded {
    static final LibPcap PCAP = LibPcap.load();
  }

  /** An expression that libpcap does not take; the message has its words. */
  public static final class Malformed extends IOException {
    private static final long serialVersionUID = 1L;

    private final String expression;

    Malformed(String expression, String message) {
      super(message);
      this.expression = expression;
    }

    /** For whoever wrote the expression. */
    public String sentence() {
      return "The filter '%s' is not understood: %s. It is an expression of pcap-filter(7) over IP packets, such as 'tcp port 443'."
          .formatted(expression, getMessage());
    }
  }

  /**
   * Compiles an expression. Names of hosts in it are looked up, which may take a while.
   *
   * @throws Malformed when it is none, or asks for what a bare IP packet does not have
   * @throws IOException when the library is not installed, naming the package
   */
  public static FilterProgram compile(String expression) throws IOException {
    if (expression.indexOf('\0') >= 0) {
      throw new Malformed(expression, "a null character is in it");
    }
    LibPcap.Compiled compiled;
    LIBRARY.lock();
    try {
      compiled = Loaded.PCAP.compile(expression, LibPcap.DLT_RAW);
    } catch (ExceptionInInitializerError | NoClassDefFoundError e) {
      throw new IOException(
          e.getCause() instanceof NoSuchElementException missing
              ? "libpcap is too old: " + missing.getMessage()
              : "libpcap cannot be loaded: install the package libpcap0.8 (Debian, Ubuntu) or"
                  + " libpcap (Fedora, RHEL, Arch)",
          e);
    } finally {
      LIBRARY.unlock();
    }
    if (!compiled.error().isEmpty()) {
      throw new Malformed(expression, compiled.error());
    }
    List<Instruction> program = compiled.program();
    int[] code = new int[program.size()];
    int[] jumps = new int[program.size()];
    int[] k = new int[program.size()];
    for (int i = 0; i < code.length; i++) {
      Instruction each = program.get(i);
      code[i] = each.code();
      jumps[i] = each.jt() << 8 | each.jf();
      k[i] = each.k();
    }
    try {
      return new FilterProgram(code, jumps, k);
    } catch (IllegalArgumentException e) {
      throw new IOException("libpcap has made a program that cannot be run: " + e.getMessage(), e);
    }
  }
}
