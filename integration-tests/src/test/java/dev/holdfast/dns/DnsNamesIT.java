package dev.holdfast.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.dns.real.NameServerLab;
import dev.holdfast.dns.real.NameServerLab.Guest;
import dev.holdfast.dns.real.Software;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.scenario.Holdfast;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Two names of one guest in zones of two servers, moved by {@code holdfast dns} ({@link
 * NameServerLab} draws the servers), the same for BIND 9, Knot and PowerDNS.
 */
@Tag("suite-tools")
@ParameterizedClass(name = "{0}")
@EnumSource(Software.class)
class DnsNamesIT {
  @TempDir private static Path all;
  private static NameServerLab lab;
  private static Path folder;

  @Parameter Software software;

  @BeforeParameterizedClassInvocation
  static void start(Software software) throws Exception {
    folder = all.resolve(software.name());
    lab = NameServerLab.start(software, folder);
  }

  @AfterParameterizedClassInvocation
  static void stop() throws Exception {
    lab.close();
  }

  private static List<Config.DnsZone> zones() throws Exception {
    List<Config.DnsZone> zones = new ArrayList<>(List.of(lab.zone(), lab.otherZone()));
    zones.addAll(lab.reverseZones());
    return zones;
  }

  private static String update(Guest guest) {
    return "update %s %s --old %s --new %s"
        .formatted(
            guest.name(),
            guest.otherName(),
            String.join(",", guest.olds()),
            String.join(",", guest.news()));
  }

  /** From the check to the last look, as a person would go about it. */
  @Test
  void twoNamesInTwoZonesMoveAndThePtrRecordIsTheFirstOnes() throws Exception {
    Guest guest = lab.guest();
    var program = new DnsProgram(lab, folder, zones());
    JsonNode checks = json(program.dns("check --json").endsWith(0));
    assertThat(checks.get("checks").size()).as("four of each zone").isEqualTo(20);
    assertThat(checks.get("checks"))
        .extracting(each -> each.get("result").stringValue())
        .containsOnly("ok");

    JsonNode moved = json(program.dns(update(guest) + " --json").endsWith(0));
    assertThat(moved.get("done").booleanValue()).isTrue();
    assertThat(moved.at("/names/0/name").stringValue()).isEqualTo(guest.name());
    assertThat(moved.at("/names/0/problem").isNull()).as("%s", moved).isTrue();
    assertThat(moved.at("/names/1/problem").isNull()).as("%s", moved).isTrue();
    assertThat(moved.at("/names/1/now").size()).isEqualTo(2);

    assertThat(lab.addresses(lab.primary(), guest.name()))
        .isEqualTo(guest.records(NameServerLab.TTL, true));
    assertThat(lab.addresses(lab.other(), guest.otherName()))
        .containsExactly("300 " + guest.news().getFirst(), "300 " + guest.news().getLast());
    for (String each : guest.news()) {
      assertThat(lab.reverseOf(each)).containsExactly("300 " + guest.name() + ".");
    }
    String shown = program.dns("show " + guest.name()).endsWith(0).out();
    assertThat(shown)
        .contains("ns2.lab.test", "10.9.0.54", guest.news().getFirst(), guest.news().getLast());
    assertThat(program.dns("show " + guest.news().getFirst()).endsWith(0).out())
        .contains("PTR", guest.name());
  }

  /** The other server has another secret: its name stays, is named, and the command says 5. */
  @Test
  void oneZoneThatRefusesLeavesTheOtherAlone() throws Exception {
    Guest guest = lab.guest();
    Config.DnsZone wrong =
        lab.zone(
            "other.test.",
            lab.other().address(),
            NameServerLab.OTHER.withSecret("Z".repeat(42) + "A="));
    var program = new DnsProgram(lab, folder, List.of(lab.zone(), wrong));
    Holdfast.Outcome partly = program.dns(update(guest)).endsWith(5);
    assertThat(partly.out()).contains(guest.name() + ":").doesNotContain(guest.otherName());
    assertThat(partly.err()).contains("Not every name was moved. The DNS server fd00:9:");
    assertThat(lab.addresses(lab.primary(), guest.name()))
        .isEqualTo(guest.records(NameServerLab.TTL, true));
    assertThat(lab.addresses(lab.other(), guest.otherName()))
        .containsExactly("300 " + guest.olds().getFirst(), "300 " + guest.olds().getLast());

    Guest second = lab.guest();
    Holdfast.Outcome none = program.dns(update(second) + " --all-or-none").endsWith(4);
    assertThat(none.err()).contains("Not every name could be moved.", "The others were put back.");
    assertThat(lab.addresses(lab.primary(), second.name()))
        .isEqualTo(second.records(NameServerLab.TTL, false));
  }

  private static JsonNode json(Holdfast.Outcome outcome) {
    return JsonMapper.shared().readTree(outcome.out());
  }
}
