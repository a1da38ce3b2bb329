package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.redirector.dns.DnsPlan;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.dns.SetMove;
import dev.holdfast.redirector.migration.MigrationView.DnsView;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code dns update}: moves names as a migration does. */
@Command(
    name = "update",
    description = {
      "Moves names from an old address to a new one.",
      "As a migration does it: by compare-and-swap; other addresses of a name stay."
    },
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast dns update vm.lab.test --old 10.1.0.10 --new 10.2.0.10 --dry-run",
      "  holdfast dns update vm.lab.test --old 10.1.0.10 --new 10.2.0.10",
      "  holdfast dns update web.lab.test www.other.test --old 10.1.0.10 --new 10.2.0.10"
    })
final class DnsUpdate extends Verb {
  /**
   * {@code dns update --json}.
   *
   * @param schema "holdfast.dns-update/1"
   * @param done whether all names have moved; false for a dry run
   * @param changes a sentence for each record set
   * @param before all names' addresses
   * @param names each name on its own
   */
  record Updated(
      String schema,
      boolean done,
      List<String> changes,
      List<String> before,
      List<String> now,
      List<Moved> names) {
    static Updated of(boolean done, List<Moved> names) {
      return new Updated(
          "holdfast.dns-update/1",
          done,
          names.stream().flatMap(each -> each.changes().stream()).toList(),
          names.stream().flatMap(each -> each.before().stream()).toList(),
          names.stream().flatMap(each -> each.now().stream()).toList(),
          names);
    }
  }

  /**
   * One name.
   *
   * @param state planned, published, finished, conflict, failed or restored
   * @param problem null where there is none
   */
  record Moved(
      String name,
      String state,
      List<String> changes,
      List<String> before,
      List<String> now,
      @Nullable String problem) {
    static Moved of(DnsChange change, @Nullable DnsException failure) {
      DnsView view = change.view();
      return new Moved(
          view.name(),
          view.state(),
          change.state().sets().stream().map(SetMove::describe).toList(),
          view.before(),
          view.now(),
          failure == null ? view.problem() : failure.sentence());
    }
  }

  /** A step of one name's change. */
  private interface Step {
    void run(DnsChange change) throws DnsException;
  }

  /** A change, and why its last step has failed; null where it has not. */
  private record Outcome(DnsChange change, @Nullable DnsException failure) {
    boolean isDone() {
      return failure == null;
    }
  }

  @Mixin private ConfigFile config;

  @Parameters(
      paramLabel = "NAME",
      arity = "1..*",
      description = "Names in the config's zones; none waits for another.")
  private List<String> names = List.of();

  @Option(
      names = "--old",
      required = true,
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = "The address to be replaced; may be given several times.")
  private List<String> oldAddresses = List.of();

  @Option(
      names = "--new",
      required = true,
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = "What it is replaced by; may be given several times.")
  private List<String> newAddresses = List.of();

  @Option(
      names = "--all-or-none",
      description = "Where a name cannot be moved, put back those that were. Default: they stay.")
  private boolean allOrNone;

  @Option(names = "--dry-run", description = "Only print what would be changed.")
  private boolean dryRun;

  @Override
  public Integer call() throws Exception {
    List<IpAddress> olds = addresses(oldAddresses);
    List<IpAddress> news = addresses(newAddresses);
    List<DnsMove> moves =
        names.stream().distinct().map(name -> new DnsMove(name, olds, news)).toList();
    try {
      DnsUpdater updater = DnsCommand.updater(config.read(), surroundings());
      return dryRun ? plan(updater, moves) : update(updater, moves);
    } catch (DnsException e) {
      throw DnsCommand.failure(e);
    }
  }

  private int plan(DnsUpdater updater, List<DnsMove> moves) throws DnsException, CommandFailed {
    List<Moved> planned = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    for (DnsMove move : moves) {
      DnsPlan plan = updater.plan(move);
      if (plan.problem() != null) {
        problems.add(plan.problem());
      }
      planned.add(
          new Moved(
              move.name(),
              "planned",
              plan.sets().stream().map(SetMove::describe).toList(),
              plan.before(),
              plan.after(),
              plan.problem()));
      plan.notes().forEach(this::remark);
    }
    String problem = String.join(" ", problems);
    if (problems.size() == moves.size()) {
      throw CommandFailed.refused(problem);
    }
    Updated answer = Updated.of(false, planned);
    answer(answer, String.join("\n", answer.changes()));
    if (!problems.isEmpty()) {
      throw CommandFailed.partlyDone("Not every name can be moved. " + problem);
    }
    return ExitCode.OK;
  }

  private int update(DnsUpdater updater, List<DnsMove> moves) throws DnsException, CommandFailed {
    List<DnsChange> changes =
        moves.stream().map(move -> updater.begin(move, (state, text) -> remark(text))).toList();
    List<Outcome> published = each(changes, DnsChange::publish);
    List<Outcome> failed = published.stream().filter(each -> !each.isDone()).toList();
    if (failed.size() == changes.size()) {
      throw none(failed);
    }
    if (!failed.isEmpty() && allOrNone) {
      throw takenBack(published, failed);
    }
    answer(
        Updated.of(failed.isEmpty(), moved(published)),
        published.stream()
            .filter(Outcome::isDone)
            .map(DnsUpdate::line)
            .collect(Collectors.joining("\n")));
    List<Outcome> finished =
        each(
            published.stream().filter(Outcome::isDone).map(Outcome::change).toList(),
            change -> {
              change.awaitServers();
              change.finish();
            });
    List<Outcome> unfinished = finished.stream().filter(each -> !each.isDone()).toList();
    if (!failed.isEmpty()) {
      throw CommandFailed.partlyDone(
          "Not every name was moved. "
              + sentences(Stream.concat(failed.stream(), unfinished.stream()).toList()));
    }
    if (!unfinished.isEmpty()) {
      throw CommandFailed.partlyDone(
          (changes.size() == 1 ? "The name was moved, but: " : "The names were moved, but: ")
              + sentences(unfinished));
    }
    return ExitCode.OK;
  }

  /** Nothing was moved: one name's reason says which sort of failure it is. */
  private CommandFailed none(List<Outcome> failed) {
    DnsException first = failed.getFirst().failure();
    if (first == null) {
      throw new AssertionError("only those that have failed are asked");
    }
    return failed.size() == 1
        ? DnsCommand.failure(first)
        : DnsCommand.failure(new DnsException(first.kind(), sentences(failed)));
  }

  private CommandFailed takenBack(List<Outcome> published, List<Outcome> failed) {
    List<Outcome> back =
        each(
            published.stream().filter(Outcome::isDone).map(Outcome::change).toList(),
            DnsChange::rollback);
    List<Outcome> left = back.stream().filter(each -> !each.isDone()).toList();
    String reason = "Not every name could be moved. " + sentences(failed);
    answer(Updated.of(false, moved(published)), "");
    if (left.isEmpty()) {
      DnsException first = failed.getFirst().failure();
      return DnsCommand.failure(
          new DnsException(
              first == null ? DnsException.Kind.REFUSED : first.kind(),
              reason + " The others were put back."));
    }
    return CommandFailed.partlyDone(reason + " Not put back: " + sentences(left));
  }

  /** All at once: a server that is down keeps nobody else waiting. */
  private static List<Outcome> each(List<DnsChange> changes, Step step) {
    List<Future<Outcome>> running = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (DnsChange change : changes) {
        running.add(threads.submit(() -> outcome(change, step)));
      }
    } // waits for all
    return running.stream().map(Future::resultNow).toList();
  }

  private static Outcome outcome(DnsChange change, Step step) {
    try {
      step.run(change);
      return new Outcome(change, null);
    } catch (DnsException e) {
      return new Outcome(change, e);
    }
  }

  private static List<Moved> moved(List<Outcome> outcomes) {
    return outcomes.stream().map(each -> Moved.of(each.change(), each.failure())).toList();
  }

  private static String line(Outcome outcome) {
    DnsView view = outcome.change().view();
    return "%s: %s -> %s, in %s"
        .formatted(
            view.name(),
            String.join(", ", view.before()),
            String.join(", ", view.now()),
            Amounts.time(view.updateMillis()));
  }

  private static String sentences(List<Outcome> failed) {
    return failed.stream()
        .map(Outcome::failure)
        .flatMap(Stream::ofNullable)
        .map(DnsException::sentence)
        .distinct()
        .collect(Collectors.joining(" "));
  }

  private List<IpAddress> addresses(List<String> texts) {
    try {
      return texts.stream().map(IpAddress::parse).toList();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec().commandLine(), e.getMessage() + ".", e);
    }
  }
}
