package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.device.NftContext;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running kernel, through {@code ip}, {@code nft}, {@code bridge} and /proc/sys.
 *
 * <p>Everything acts on the network namespace of the calling thread: processes inherit it, and
 * /proc/sys/net follows it. (/sys/class/net does not, so nothing here reads it.) Any thread may
 * call.
 */
public final class LinuxKernel implements Kernel, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LinuxKernel.class);
  private static final Path SYSCTLS = Path.of("/proc/sys");
  private static final List<Path> TOOL_FOLDERS =
      Arrays.stream(System.getenv().getOrDefault("PATH", "/usr/sbin:/sbin").split(":", -1))
          .map(Path::of)
          .toList();
  private static final int LONGEST_SYSCTL = 4096;
  private static final String V6 = "-6 ";
  private static final Pattern FAILED_LINE = Pattern.compile("(?m)^Command failed -:(\\d+)$");

  private @Nullable NftContext nft;
  private boolean asked;

  @Override
  public void run(Command command) throws IOException {
    switch (command) {
      case Command.Ip ip -> changeLinks(List.of(ip.arguments()));
      case Command.Nft nft -> start(List.of("nft", "-f", "-"), nft.script());
      case Command.Conntrack conntrack -> {
        String unused = conntrack(conntrack.arguments(), "");
      }
      case Command.Sysctl sysctl -> write(sysctl.path(), sysctl.value());
      case Command.SysctlBack back -> {
        if (sysctl(back.path()).equals(back.ours())) {
          write(back.path(), back.before());
        }
      }
    }
  }

  /** Neighbouring {@code ip} commands of one address family share one process. */
  @Override
  public void runAll(List<Command> commands) throws IOException {
    List<String> batch = new ArrayList<>();
    for (Command command : commands) {
      if (!(command instanceof Command.Ip ip)) {
        changeLinks(batch);
        batch.clear();
        run(command);
        continue;
      }
      if (!batch.isEmpty() && isV6(batch.getFirst()) != isV6(ip.arguments())) {
        changeLinks(batch);
        batch.clear();
      }
      batch.add(ip.arguments());
    }
    changeLinks(batch);
  }

  private static boolean isV6(String arguments) {
    return arguments.startsWith(V6);
  }

  /** Adding what is there already counts as done; after it the rest goes on in a new process. */
  private static void changeLinks(List<String> lines) throws IOException {
    List<String> rest = lines;
    while (!rest.isEmpty()) {
      boolean v6 = isV6(rest.getFirst()); // in a batch's lines ip knows no options
      StringBuilder script = new StringBuilder();
      rest.forEach(line -> script.append(v6 ? line.substring(V6.length()) : line).append('\n'));
      try {
        start(List.of("ip", v6 ? "-6" : "-4", "-batch", "-"), script.toString());
        return;
      } catch (KernelRefusal refusal) {
        Matcher failed = FAILED_LINE.matcher(String.valueOf(refusal.getMessage()));
        if (!failed.find()) {
          throw new KernelRefusal("ip " + String.join("; ip ", rest) + ": " + refusal.getMessage());
        }
        int line = Integer.parseInt(failed.group(1)); // from 1
        if (!refusal.isPresent()) {
          String words = failed.replaceAll("").strip();
          throw new KernelRefusal("ip " + rest.get(line - 1) + ": " + words);
        }
        rest = rest.subList(line, rest.size());
      }
    }
  }

  @Override
  public String query(String arguments) throws IOException {
    return ask("ip", arguments);
  }

  @Override
  public String bridgeQuery(String arguments) throws IOException {
    return ask("bridge", arguments);
  }

  @Override
  public String nftQuery(String arguments) throws IOException {
    String answer = ask("nft", arguments);
    return answer.equals("[]") ? "{}" : answer;
  }

  private static String ask(String tool, String arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(tool, "-j"));
    command.addAll(List.of(arguments.strip().split("\\s+")));
    String answer = start(command, "").strip();
    return answer.isEmpty() ? "[]" : answer;
  }

  @Override
  public void tc(String arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("tc"));
    command.addAll(List.of(arguments.split(" ", -1)));
    String unused = start(command, "");
  }

  @Override
  public void nftCheck(String script) throws IOException {
    String unused = start(List.of("nft", "-c", "-f", "-"), script);
  }

  @Override
  public String conntrack(String arguments, String input) throws IOException {
    List<String> command = new ArrayList<>(List.of("conntrack"));
    command.addAll(List.of(arguments.split(" ", -1)));
    return start(command, input);
  }

  /** Asking the legacy variant for tables that are not there would make them. */
  @Override
  public String filterSave(String tool) throws IOException {
    if (tool.contains("legacy")) {
      String names = tool.startsWith("ip6") ? "ip6_tables_names" : "ip_tables_names";
      Path file = Path.of("/proc/thread-self/net", names);
      if (!Files.exists(file) || Files.readAllLines(file).isEmpty()) {
        return "";
      }
    }
    boolean installed =
        TOOL_FOLDERS.stream().anyMatch(folder -> Files.isExecutable(folder.resolve(tool)));
    return installed ? start(List.of(tool), "") : "";
  }

  /**
   * In one read with room for all of it: a second read of such a file gives nothing, and {@code
   * Files.readString} begins with a single byte, since the file's size is said to be 0.
   */
  @Override
  public String sysctl(String path) throws IOException {
    byte[] room = new byte[LONGEST_SYSCTL];
    try (FileInputStream stream = new FileInputStream(file(path).toFile())) {
      int length = Math.max(0, stream.read(room));
      return new String(room, 0, length, StandardCharsets.UTF_8).strip();
    } catch (FileNotFoundException e) {
      throw new KernelRefusal("sysctl " + path + ": " + e.getMessage());
    }
  }

  private static void write(String path, String value) throws IOException {
    try {
      Files.writeString(file(path), value);
    } catch (NoSuchFileException e) {
      throw new KernelRefusal("sysctl " + path + ": No such file or directory");
    } catch (IOException e) {
      throw new KernelRefusal("sysctl " + path + "=" + value + ": " + e.getMessage());
    }
  }

  /** With slashes, an interface name such as eth0.7 keeps its dot. */
  private static Path file(String path) {
    return SYSCTLS.resolve(path.indexOf('/') >= 0 ? path : path.replace('.', '/'));
  }

  /**
   * Through libnftables; by a process where that library is not installed. The first call chooses
   * the network namespace, for good.
   */
  @Override
  public void nftNow(String script) throws IOException {
    NftContext inProcess = library();
    if (inProcess == null) {
      start(List.of("nft", "-f", "-"), script);
      return;
    }
    try {
      String unused = inProcess.run(script);
    } catch (IOException e) {
      throw new KernelRefusal(String.valueOf(e.getMessage()));
    }
  }

  @Override
  public String nftListNow(String script) throws IOException {
    NftContext inProcess = library();
    if (inProcess == null) {
      return start(List.of("nft", "-f", "-"), script);
    }
    try {
      return inProcess.run(script);
    } catch (IOException e) {
      throw new KernelRefusal(String.valueOf(e.getMessage()));
    }
  }

  private synchronized @Nullable NftContext library() {
    if (!asked) {
      asked = true;
      try {
        nft = NftContext.open();
      } catch (IOException e) {
        LOG.warn(
            "nft will be started for each hold and release, which takes longer: {}",
            e.getMessage());
      }
    }
    return nft;
  }

  @Override
  public synchronized void close() {
    if (nft != null) {
      nft.close();
      nft = null;
    }
  }

  /**
   * Returns its standard output. The streams are read one after the other, which these tools allow:
   * an error of theirs is shorter than a pipe holds. No thread is started, for it would stay in the
   * caller's network namespace.
   */
  private static String start(List<String> command, String input) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("LC_ALL", "C");
    Process process = builder.start();
    try {
      writeAll(process, input);
      String output = readAll(process.getInputStream());
      String errors = readAll(process.getErrorStream());
      int status = process.waitFor();
      if (status != 0) {
        String words = errors.strip();
        throw new KernelRefusal(
            words.isEmpty() ? command.getFirst() + " ended with status " + status : words);
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + command.getFirst(), e);
    } finally {
      process.destroy();
    }
  }

  private static String readAll(InputStream stream) throws IOException {
    return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
  }

  private static void writeAll(Process process, String input) throws IOException {
    try (var stdin = process.getOutputStream()) {
      stdin.write(input.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      if (process.isAlive()) { // else it ended without reading, and its status says why
        throw e;
      }
    }
  }
}
