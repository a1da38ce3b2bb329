package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.migration.RequestRefused.Kind;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.redirector.tap.Feed;
import dev.holdfast.redirector.tap.Limits;
import dev.holdfast.redirector.tap.Recordings;
import dev.holdfast.tunnel.device.PcapExpression;
import dev.holdfast.tunnel.packet.FilterProgram;
import java.io.IOException;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Turns what a person asks for into a recording of the packet path. */
final class Capturing {
  private static final int MOST_TERMS = 256;

  private Capturing() {}

  /**
   * @throws RequestRefused {@code INVALID}, {@code UNKNOWN} for a migration, {@code CONFLICT} where
   *     too many run
   */
  static Feed begin(MigrationEngine engine, Recordings recordings, CaptureRequest request)
      throws RequestRefused {
    List<String> flows = bounded("flows", request.flows());
    Set<UUID> migrations = new HashSet<>();
    for (String id : bounded("migrations", request.migrations())) {
      LiveMigration migration = engine.find(id);
      if (migration.state().isEnded()) {
        throw new RequestRefused(
            Kind.CONFLICT,
            "migration "
                + migration.record.name()
                + " is "
                + migration.state().label()
                + ": nothing of it passes any more");
      }
      migrations.add(migration.record.uuid());
    }
    int sample = Objects.requireNonNullElse(request.sample(), 1);
    if (sample < 1) {
      throw invalid("The field 'sample' must be 1 or more: one of so many packets is recorded.");
    }
    Recordings.Wanted wanted =
        new Recordings.Wanted(
            places(bounded("points", request.points())),
            migrations,
            flows,
            filter(request.filter()),
            sample);
    Feed feed;
    try {
      feed = recordings.begin(wanted, limits(request), id -> name(engine, id));
    } catch (IllegalArgumentException e) {
      throw new RequestRefused(Kind.INVALID, String.valueOf(e.getMessage()), e);
    }
    if (feed == null) {
      throw new RequestRefused(
          Kind.CONFLICT, "as many captures run as this daemon allows, " + Recordings.MOST);
    }
    return feed;
  }

  private static List<String> bounded(String field, @Nullable List<String> given)
      throws RequestRefused {
    List<String> list = given == null ? List.of() : given;
    if (list.size() > MOST_TERMS) {
      throw invalid("The field '%s' has more than %d elements.".formatted(field, MOST_TERMS));
    }
    for (String each : list) {
      if (Objects.isNull(each)) {
        throw invalid("The field '" + field + "' contains null.");
      }
    }
    return list;
  }

  private static Set<Tap.Place> places(List<String> points) throws RequestRefused {
    if (points.isEmpty()) {
      return EnumSet.allOf(Tap.Place.class);
    }
    Set<Tap.Place> places = EnumSet.noneOf(Tap.Place.class);
    for (String point : points) {
      Set<Tap.Place> of =
          switch (point) {
            case "outer" -> EnumSet.range(Tap.Place.OUTER_TLS_SENT, Tap.Place.OUTER_IP_RECEIVED);
            case "inner" -> EnumSet.of(Tap.Place.INNER_IN, Tap.Place.INNER_OUT);
            case "held" -> EnumSet.of(Tap.Place.HELD_IN, Tap.Place.HELD_OUT);
            default -> throw invalid("'" + point + "' is not one of outer, inner, held.");
          };
      places.addAll(of);
    }
    return places;
  }

  private static @Nullable FilterProgram filter(@Nullable String expression) throws RequestRefused {
    if (expression == null || expression.isBlank()) {
      return null;
    }
    try {
      return PcapExpression.compile(expression);
    } catch (PcapExpression.Malformed e) {
      throw new RequestRefused(Kind.INVALID, e.sentence(), e);
    } catch (IOException e) {
      throw new RequestRefused(Kind.FAILED, String.valueOf(e.getMessage()), e);
    }
  }

  private static Limits limits(CaptureRequest request) {
    long millis = Objects.requireNonNullElse(request.durationMillis(), Long.MAX_VALUE);
    return new Limits(
        Objects.requireNonNullElse(request.snapLength(), Limits.NONE.snapLength()),
        Objects.requireNonNullElse(request.count(), Limits.NONE.count()),
        millis > Long.MAX_VALUE / 1_000_000 ? Limits.NONE.nanos() : millis * 1_000_000,
        Objects.requireNonNullElse(request.bufferBytes(), Limits.NONE.bufferBytes()));
  }

  private static String name(MigrationEngine engine, UUID id) {
    LiveMigration known = engine.byId(id.toString());
    return known == null ? id.toString() : known.record.name();
  }

  private static RequestRefused invalid(String message) {
    return new RequestRefused(Kind.INVALID, message);
  }
}
