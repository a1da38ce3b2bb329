package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What two daemons and their hosts' kernels hold between two moves, kept in a suite's state: a line
 * for each host, from when everything is warm and then now and again.
 *
 * <p>A suite that was cut off goes on with other processes, and what one process holds says nothing
 * about another. So each run has a number, and its first figures are compared with its own last
 * ones; those of the runs before count as much as those of the last.
 */
final class SoakFigures {
  /** What a figure may grow by, from garbage that nobody has collected and the like. */
  private static final long MORE_DESCRIPTORS = 4;

  private static final long MORE_THREADS = 6;
  private static final long MORE_HEAP_KIB = 4 << 10;

  /**
   * Beside the Java heap, whose pages the collector takes and keeps as it likes. Buffers are there,
   * which are kept in chunks of 4 MiB, and compiled code, which grows for long while rare paths
   * become frequent ones.
   */
  private static final long MORE_BESIDE_KIB = 24 << 10;

  private static final Pattern USED = Pattern.compile("used (\\d+)K");

  /** Where a part of the heap begins and ends. */
  private static final Pattern RANGE = Pattern.compile("0x([0-9a-f]+), *0x([0-9a-f, x]+)[)]");

  private final List<Namespace> machines;
  private final List<DemoHost> hosts;
  private final List<KernelSnapshot> kernels = new ArrayList<>();
  private final SuiteState state;
  private final long run;

  /** Of one host; memory in KiB. */
  private record Figures(
      String host,
      long descriptors,
      long threads,
      long heap,
      long rss,
      long beside,
      long kernelLines) {

    String words() {
      return String.format(
          Locale.ROOT,
          "%s: %d descriptors, %d threads, heap %.1f MiB, RSS %.1f MiB, beside the heap %.1f MiB,"
              + " %d lines of kernel state",
          host,
          descriptors,
          threads,
          heap / 1024.0,
          rss / 1024.0,
          beside / 1024.0,
          kernelLines);
    }
  }

  /** Figures, and when they were taken: after so many rounds of all runs. */
  private record Sample(long run, long round, Figures figures) {
    static Sample parse(String line) {
      String[] words = line.split(" ");
      long[] n = Arrays.stream(words).skip(1).mapToLong(Long::parseLong).toArray();
      return new Sample(n[0], n[1], new Figures(words[0], n[2], n[3], n[4], n[5], n[6], n[7]));
    }

    String line() {
      return "%s %d %d %d %d %d %d %d %d"
          .formatted(
              figures.host,
              run,
              round,
              figures.descriptors,
              figures.threads,
              figures.heap,
              figures.rss,
              figures.beside,
              figures.kernelLines);
    }
  }

  /** The kernels as they are now are what they must be between any two moves. */
  SoakFigures(Lab lab, DemoHost a, DemoHost b, SuiteState state) throws Exception {
    machines = List.of(lab.oldHost(), lab.newHost());
    hosts = List.of(a, b);
    for (Namespace machine : machines) {
      kernels.add(KernelSnapshot.of(machine));
    }
    this.state = state;
    run = 1 + samples().stream().mapToLong(Sample::run).max().orElse(0);
  }

  private List<Sample> samples() throws IOException {
    return state.lines().stream().map(Sample::parse).toList();
  }

  /**
   * Takes and keeps the figures of both hosts, whose kernels hold nothing now that they did not
   * hold at first.
   *
   * @param round how many there were, with those of the runs before
   * @return the figures in words
   */
  String take(long round) throws Exception {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < hosts.size(); i++) {
      DemoHost host = hosts.get(i);
      KernelSnapshot now = KernelSnapshot.of(machines.get(i));
      assertThat(kernels.get(i).differences(now, line -> false))
          .as("kernel of %s between two moves", host.plan().name())
          .isEmpty();
      Figures figures = figures(host, now.lines().size());
      state.add(new Sample(run, round, figures).line());
      words.add(figures.words());
    }
    return String.join("; ", words);
  }

  private static Figures figures(DemoHost host, long kernelLines) throws IOException {
    Path process = Path.of("/proc", String.valueOf(host.pid()));
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    String pid = String.valueOf(host.pid());
    Tool.run(List.of(jcmd, pid, "GC.run"));
    String parts = Tool.run(List.of(jcmd, pid, "GC.heap_info"));
    Matcher used = USED.matcher(parts);
    long heap = 0;
    while (used.find()) {
      heap += Long.parseLong(used.group(1));
    }
    assertThat(heap).as("the heap of %s", host.plan().name()).isPositive();
    long rss =
        Files.readAllLines(process.resolve("status")).stream()
            .filter(line -> line.startsWith("VmRSS:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
            .sum();
    return new Figures(
        host.plan().name(),
        entries(process.resolve("fd")),
        entries(process.resolve("task")),
        heap,
        rss,
        rss - heapResident(Files.readAllLines(process.resolve("smaps")), parts),
        kernelLines);
  }

  /** KiB of the heap that are in memory: mappings between its lowest and its highest address. */
  private static long heapResident(List<String> smaps, String heapInfo) {
    long begin = Long.MAX_VALUE;
    long end = 0;
    Matcher range = RANGE.matcher(heapInfo);
    while (range.find()) {
      begin = Math.min(begin, Long.parseLong(range.group(1), 16));
      String last = range.group(2).replaceAll(".*0x", "");
      end = Math.max(end, Long.parseLong(last, 16));
    }
    assertThat(end).as("where the heap is: %s", heapInfo).isGreaterThan(begin);
    long sum = 0;
    boolean isHeap = false;
    for (String line : smaps) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        long at = Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16);
        isHeap = at >= begin && at < end;
      } else if (isHeap && line.startsWith("Rss:")) {
        sum += Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    return sum;
  }

  private static long entries(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.count();
    }
  }

  /** In no run has a daemon come to hold more. */
  void assertFlat() throws IOException {
    Map<String, List<Sample>> each =
        samples().stream()
            .collect(
                Collectors.groupingBy(
                    sample -> "run " + sample.run() + ", " + sample.figures().host(),
                    TreeMap::new,
                    Collectors.toList()));
    each.forEach((daemon, samples) -> {
      Sample first = samples.getFirst();
      Sample last = samples.getLast();
      System.out.printf(
          "soak: %s: after %d rounds more than at first: %s%n",
          daemon, last.round() - first.round(), growth(first.figures(), last.figures()));
    });
    each.forEach((daemon, samples) ->
        assertFlat(daemon, samples.getFirst().figures(), samples.getLast().figures()));
  }

  private static String growth(Figures was, Figures is) {
    return String.format(
        Locale.ROOT,
        "%+d descriptors, %+d threads, heap %+.1f MiB, RSS %+.1f MiB, beside the heap %+.1f MiB",
        is.descriptors - was.descriptors,
        is.threads - was.threads,
        (is.heap - was.heap) / 1024.0,
        (is.rss - was.rss) / 1024.0,
        (is.beside - was.beside) / 1024.0);
  }

  private static void assertFlat(String daemon, Figures was, Figures is) {
    String all = "%s%n%s%n%s".formatted(daemon, was.words(), is.words());
    assertThat(is.descriptors).as(all).isLessThanOrEqualTo(was.descriptors + MORE_DESCRIPTORS);
    assertThat(is.threads).as(all).isLessThanOrEqualTo(was.threads + MORE_THREADS);
    assertThat(is.heap).as(all).isLessThanOrEqualTo(was.heap + MORE_HEAP_KIB);
    assertThat(is.beside).as(all).isLessThanOrEqualTo(was.beside + MORE_BESIDE_KIB);
    assertThat(is.kernelLines).as(all).isEqualTo(was.kernelLines);
  }
}
