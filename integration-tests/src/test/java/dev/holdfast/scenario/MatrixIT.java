package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;
import static dev.holdfast.scenario.Expected.routerKnewTheGuest;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.migration.MigrationState;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every way to capture with every encapsulation in both families, at three pauses: 64 connections
 * of all four kinds, of which none is lost, none reset, every byte is right, and nothing is left
 * behind; and packets were captured and carried as the row says. A row of which any of that is not
 * so says FAILED in the table, whatever its figures are. The lab is the demo's, drawn in {@code
 * dev.holdfast.redirector.demo.lab}; what else varies from row to row is spread over them, and in
 * the row's last column.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class MatrixIT {
  private static final int CONNECTIONS = 64;
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final int WORDS = 100;

  /** Of the processors: half of them is for two rows side by side. */
  private static final int ALONE = 2;

  private static final MatrixTable TABLE = new MatrixTable();
  private static final ExecutorService THREADS = Executors.newCachedThreadPool();
  private static final Map<Row, Future<?>> PLAYED = new LinkedHashMap<>();

  /** What a row has besides, for each of the four ways to carry packets. */
  private enum Besides {
    PEER("a peer on the old bridge", o -> o.peerConnections = 8),
    LOWEST_DELETED(
        "the deleted port had the bridge's MAC",
        o -> {
          o.deletePort = true;
          o.lowestMac = true;
        }),
    DELAY_DELETED(
        "20 ms each way, the old port deleted",
        o -> {
          o.delay = Duration.ofMillis(20);
          o.deletePort = true;
        }),
    DELAY_LOWEST(
        "20 ms each way, the kept port has the bridge's MAC",
        o -> {
          o.delay = Duration.ofMillis(20);
          o.lowestMac = true;
        }),
    PEER_DELETED(
        "a peer on the old bridge, the old port deleted",
        o -> {
          o.peerConnections = 8;
          o.deletePort = true;
        }),
    DELAY("20 ms each way", o -> o.delay = Duration.ofMillis(20)),
    NOTHING("", o -> {});

    private final String words;
    private final Consumer<ScenarioOptions.Draft> change;

    Besides(String words, Consumer<ScenarioOptions.Draft> change) {
      this.words = words;
      this.change = change;
    }
  }

  /** How packets are captured and carried. */
  private record Way(String capture, String encapsulation, boolean ipv6) {
    void set(ScenarioOptions.Draft draft) {
      draft.capture = capture;
      draft.encapsulation = encapsulation;
      draft.ipv6 = ipv6;
    }

    List<Besides> shortPauses() {
      return switch (encapsulation + (ipv6 ? 6 : 4)) {
        case "tls4" -> List.of(Besides.PEER, Besides.LOWEST_DELETED);
        case "tls6" -> List.of(Besides.DELAY_DELETED, Besides.PEER);
        case "ipip4" -> List.of(Besides.DELAY_LOWEST, Besides.PEER_DELETED);
        default -> List.of(Besides.PEER, Besides.NOTHING);
      };
    }
  }

  private record Row(int order, Way way, Duration pause, Besides besides) {
    MatrixTable.Key key() {
      return new MatrixTable.Key(
          order,
          way.capture(),
          way.encapsulation(),
          way.ipv6() ? "IPv6" : "IPv4",
          pause.toMillis() / 1000.0 + " s");
    }

    ScenarioOptions options() {
      return ScenarioOptions.defaults()
          .with(o -> {
            way.set(o);
            o.pause = pause;
            o.connections = CONNECTIONS;
            o.seed = order;
            besides.change.accept(o);
          });
    }

    String name() {
      String family = way.ipv6() ? "IPv6" : "IPv4";
      return "%s, %s, %s, %s%s"
          .formatted(
              way.capture(),
              way.encapsulation(),
              family,
              pause,
              besides.words.isEmpty() ? "" : ", " + besides.words);
    }
  }

  private static List<Way> ways() {
    List<Way> ways = new ArrayList<>();
    for (String capture : List.of("tun", "pcap")) {
      for (String encapsulation : List.of("tls", "ipip")) {
        ways.add(new Way(capture, encapsulation, false));
        ways.add(new Way(capture, encapsulation, true));
      }
    }
    return ways;
  }

  static Stream<Arguments> shortPauses() {
    return shortRows().stream().map(row -> Arguments.argumentSet(row.name(), row));
  }

  private static List<Row> shortRows() {
    List<Row> rows = new ArrayList<>();
    for (Way way : ways()) {
      int order = 10 * (1 + ways().indexOf(way));
      rows.add(new Row(order, way, Duration.ofMillis(200), way.shortPauses().get(0)));
      rows.add(new Row(order + 1, way, Duration.ofSeconds(3), way.shortPauses().get(1)));
    }
    return rows;
  }

  private static void play(Row row, int share) throws Exception {
    var carriage = new Carriage();
    ScenarioResult result;
    try (var turn = Turn.await(share, carriage)) {
      result = Scenario.run(row.options(), Story.silent(), turn);
    } catch (Exception | AssertionError e) {
      TABLE.add(row.key(), failed(e));
      throw e;
    }
    try {
      everythingSurvived(result);
      routerKnewTheGuest(result);
      carriage.wasAsAsked(result.options());
    } catch (AssertionError e) {
      TABLE.add(row.key(), result, failed(e));
      throw e;
    }
    TABLE.add(row.key(), result, row.besides().words);
  }

  /**
   * A row's turn, from before its lab is built until all its connections have moved: what is
   * measured shares the processors with no other row's start. What comes then is waiting mostly,
   * and the next row is set up meanwhile.
   */
  private static final class Turn implements Bystander, AutoCloseable {
    private static final Semaphore STAGE = new Semaphore(ALONE, true);

    private final int share;
    private final Carriage carriage;
    private boolean over;

    private Turn(int share, Carriage carriage) {
      this.share = share;
      this.carriage = carriage;
    }

    static Turn await(int share, Carriage carriage) throws InterruptedException {
      STAGE.acquire(share);
      return new Turn(share, carriage);
    }

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) {
      carriage.reached(state, oldHost, newHost);
    }

    @Override
    public void moved(Lab lab) throws Exception {
      carriage.moved(lab);
      close();
    }

    @Override
    public void close() {
      if (!over) {
        over = true;
        STAGE.release(share);
      }
    }
  }

  /** On one line, and not all of it: the runner's report has the rest. */
  private static String failed(Throwable why) {
    String words = String.valueOf(why.getMessage()).strip().replaceAll("\\s+", " ");
    return "FAILED: " + (words.length() > WORDS ? words.substring(0, WORDS) + " ..." : words);
  }

  /** A row of a short pause, and the one behind it, which is set up when it is its turn. */
  private static synchronized Future<?> played(Row row) {
    List<Row> rows = shortRows();
    int at = rows.indexOf(row);
    for (Row each : rows.subList(at, Math.min(at + 2, rows.size()))) {
      PLAYED.computeIfAbsent(each, next -> begin(next, ALONE));
    }
    return Objects.requireNonNull(PLAYED.get(row));
  }

  private static Future<?> begin(Row row, int share) {
    return THREADS.submit(() -> {
      play(row, share);
      return row;
    });
  }

  @ParameterizedTest
  @MethodSource
  void shortPauses(Row row) throws Exception {
    played(row).get();
  }

  /** Side by side: what takes long here is waiting. */
  @Test
  void longPauses() throws Exception {
    List<Future<?>> both = new ArrayList<>();
    for (Way way : List.of(new Way("tun", "tls", false), new Way("pcap", "ipip", false))) {
      Row row = new Row(10 * (1 + ways().indexOf(way)) + 2, way, LONG, Besides.DELAY);
      both.add(begin(row, ALONE / 2));
    }
    for (Future<?> each : both) {
      each.get();
    }
  }

  @AfterAll
  static void writeTheTable() throws IOException {
    THREADS.close();
    TABLE.write();
  }
}
