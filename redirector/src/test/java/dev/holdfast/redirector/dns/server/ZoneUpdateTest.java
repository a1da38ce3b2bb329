package dev.holdfast.redirector.dns.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/** RFC 2136 section 3, rule by rule, on zone values. */
class ZoneUpdateTest {
  private static final Name ORIGIN = Name.fromConstantString("lab.test.");
  private static final Name VM = Name.fromConstantString("vm.lab.test.");
  private static final Name ALIAS = Name.fromConstantString("www.lab.test.");
  private static final Name NOBODY = Name.fromConstantString("nobody.lab.test.");

  private final Zone zone;

  ZoneUpdateTest() throws Exception {
    zone =
        Zone.parse(
            "lab.test.",
            """
            @ 300 IN SOA ns admin 7 3600 600 86400 30
            @ 300 IN NS ns
            ns 300 IN A 10.9.0.53
            vm 300 IN A 10.1.0.10
            vm 300 IN A 10.1.0.11
            vm 300 IN AAAA fd00:1::10
            www 300 IN CNAME vm
            """);
  }

  /** Each row: a prerequisite (class, type, name, data), and what becomes of it. */
  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "ANY,  ANY,  vm.lab.test.,     -,         NOERROR",
        "ANY,  ANY,  nobody.lab.test., -,         NXDOMAIN",
        "ANY,  A,    vm.lab.test.,     -,         NOERROR",
        "ANY,  TXT,  vm.lab.test.,     -,         NXRRSET",
        "NONE, ANY,  nobody.lab.test., -,         NOERROR",
        "NONE, ANY,  vm.lab.test.,     -,         YXDOMAIN",
        "NONE, TXT,  vm.lab.test.,     -,         NOERROR",
        "NONE, A,    vm.lab.test.,     -,         YXRRSET",
        "IN,   A,    vm.lab.test.,     10.1.0.10, NXRRSET",
        "IN,   A,    ns.lab.test.,     10.9.0.53, NOERROR",
        "IN,   A,    VM.lab.TEST.,     10.9.9.9,  NXRRSET",
        "IN,   A,    vm.lab.test.,     -,         FORMERR",
        "ANY,  A,    vm.lab.test.,     10.1.0.10, FORMERR",
        "NONE, A,    vm.lab.test.,     10.1.0.10, FORMERR",
        "ANY,  ANY,  vm.else.test.,    -,         NOTZONE",
        "CH,   A,    vm.lab.test.,     -,         FORMERR",
      })
  void prerequisites(String dclass, String type, String name, String data, String rcode)
      throws Exception {
    int wanted = Rcode.value(rcode);
    ZoneUpdate.Outcome outcome =
        apply(update -> {
          update.addRecord(record(name, type, DClass.value(dclass), 0, data), Section.PREREQ);
          update.delete(VM, Type.A);
        });
    assertThat(Rcode.string(outcome.rcode())).isEqualTo(rcode);
    assertThat(outcome.zone().values("vm.lab.test.", "A")).hasSize(wanted == Rcode.NOERROR ? 0 : 2);
  }

  @Test
  void aWholeSetIsMatchedInAnyOrderAndWithoutTtl() throws Exception {
    assertThat(
            apply(
                    update -> {
                      update.present(record("vm.lab.test.", "A", DClass.IN, 0, "10.1.0.11"));
                      update.present(record("vm.lab.test.", "A", DClass.IN, 0, "10.1.0.10"));
                    })
                .rcode())
        .isEqualTo(Rcode.NOERROR);
  }

  @Test
  void aPrerequisiteHasNoTtl() throws Exception {
    assertThat(
            apply(u -> u.present(record("ns.lab.test.", "A", DClass.IN, 30, "10.9.0.53"))).rcode())
        .isEqualTo(Rcode.FORMERR);
  }

  @Test
  void nothingIsDoneWhenAnyOfItIsMalformed() throws Exception {
    ZoneUpdate.Outcome outcome =
        apply(update -> {
          update.delete(VM, Type.A);
          update.addRecord(record("vm.else.test.", "A", DClass.IN, 30, "10.1.1.1"), Section.UPDATE);
        });
    assertThat(outcome.rcode()).isEqualTo(Rcode.NOTZONE);
    assertThat(outcome.zone()).isSameAs(zone);
  }

  @Test
  void addsAndGivesTheWholeSetTheNewTtl() throws Exception {
    Zone after = applied(u -> u.add(record("vm.lab.test.", "A", DClass.IN, 30, "10.2.0.10")));
    assertThat(after.lines())
        .contains(
            "vm.lab.test. 30 A 10.1.0.10",
            "vm.lab.test. 30 A 10.1.0.11",
            "vm.lab.test. 30 A 10.2.0.10",
            "vm.lab.test. 300 AAAA fd00:1:0:0:0:0:0:10");
    assertThat(after.serial()).isEqualTo(8);
  }

  @Test
  void addingWhatIsThereChangesNothing() throws Exception {
    assertThat(applied(u -> u.add(record("vm.lab.test.", "A", DClass.IN, 300, "10.1.0.10"))))
        .isSameAs(zone);
  }

  @Test
  void anAliasStandsAlone() throws Exception {
    assertThat(applied(u -> u.add(record("www.lab.test.", "A", DClass.IN, 30, "10.1.1.1"))))
        .isSameAs(zone);
    assertThat(applied(u -> u.add(record("vm.lab.test.", "CNAME", DClass.IN, 30, "ns.lab.test."))))
        .isSameAs(zone);
    assertThat(
            applied(u -> u.add(record("www.lab.test.", "CNAME", DClass.IN, 30, "ns.lab.test.")))
                .values("www.lab.test.", "CNAME"))
        .containsExactly("ns.lab.test.");
  }

  @Test
  void deletesARecordASetOrAName() throws Exception {
    assertThat(
            applied(u -> u.delete(record("vm.lab.test.", "A", DClass.IN, 0, "10.1.0.10")))
                .values("vm.lab.test.", "A"))
        .containsExactly("10.1.0.11");
    Zone withoutSet = applied(u -> u.delete(VM, Type.A));
    assertThat(withoutSet.values("vm.lab.test.", "A")).isEmpty();
    assertThat(withoutSet.values("vm.lab.test.", "AAAA")).hasSize(1);
    assertThat(applied(u -> u.delete(VM)).isInUse(VM)).isFalse();
    assertThat(applied(u -> u.delete(NOBODY))).isSameAs(zone);
    assertThat(applied(u -> u.delete(ALIAS, Type.CNAME)).isInUse(ALIAS)).isFalse();
  }

  @Test
  void theTopKeepsItsSoaAndItsLastNs() throws Exception {
    assertThat(applied(u -> u.delete(ORIGIN))).isSameAs(zone);
    assertThat(applied(u -> u.delete(ORIGIN, Type.NS))).isSameAs(zone);
    assertThat(applied(u -> u.delete(record("lab.test.", "NS", DClass.IN, 0, "ns.lab.test."))))
        .isSameAs(zone);
    assertThat(
            applied(
                    u -> {
                      u.add(record("lab.test.", "NS", DClass.IN, 300, "ns2.lab.test."));
                      u.delete(record("lab.test.", "NS", DClass.IN, 0, "ns.lab.test."));
                    })
                .values("lab.test.", "NS"))
        .containsExactly("ns2.lab.test.");
  }

  @Test
  void aSoaIsTakenOnlyWithAHigherSerial() throws Exception {
    String soa = "ns.lab.test. admin.lab.test. %d 3600 600 86400 30";
    assertThat(
            applied(u -> u.add(record("lab.test.", "SOA", DClass.IN, 300, soa.formatted(90))))
                .serial())
        .isEqualTo(90);
    assertThat(applied(u -> u.add(record("lab.test.", "SOA", DClass.IN, 300, soa.formatted(6)))))
        .isSameAs(zone);
  }

  @Test
  void theSerialWrapsOverZero() throws Exception {
    Zone last =
        applied(u ->
            u.add(
                record(
                    "lab.test.",
                    "SOA",
                    DClass.IN,
                    300,
                    "ns.lab.test. admin.lab.test. 2147483660 3600 600 86400 30")));
    assertThat(last.serial()).as("further than half the circle is lower").isEqualTo(7);
    Zone top =
        Zone.parse(
            "lab.test.",
            """
            @ 300 IN SOA ns admin 4294967295 3600 600 86400 30
            @ 300 IN NS ns
            ns 300 IN A 10.9.0.53
            """);
    Update update = new Update(ORIGIN);
    update.add(record("vm.lab.test.", "A", DClass.IN, 30, "10.2.0.10"));
    assertThat(ZoneUpdate.apply(top, wire(update)).zone().serial()).isEqualTo(1);
  }

  @Test
  void knowsWhetherAnUpdateIsForThisZone() throws Exception {
    assertThat(ZoneUpdate.checkZone(zone, new Update(ORIGIN))).isEqualTo(Rcode.NOERROR);
    assertThat(ZoneUpdate.checkZone(zone, new Update(VM))).isEqualTo(Rcode.NOTAUTH);
    assertThat(ZoneUpdate.checkZone(zone, new Message())).isEqualTo(Rcode.FORMERR);
  }

  private Zone applied(Consumer<Update> fill) throws Exception {
    ZoneUpdate.Outcome outcome = apply(fill);
    assertThat(outcome.rcode()).isEqualTo(Rcode.NOERROR);
    return outcome.zone();
  }

  private ZoneUpdate.Outcome apply(Consumer<Update> fill) throws Exception {
    Update update = new Update(ORIGIN);
    fill.accept(update);
    return ZoneUpdate.apply(zone, wire(update));
  }

  /** As the server sees it: parsed from bytes. */
  private static Message wire(Message message) throws Exception {
    return new Message(message.toWire());
  }

  private static Record record(String name, String type, int dclass, long ttl, String data) {
    try {
      Name owner = Name.fromString(name);
      int number = Type.value(type);
      if (data == null) {
        return Record.newRecord(owner, number, dclass, ttl);
      }
      Record in = Record.fromString(owner, number, DClass.IN, ttl, data, Name.root);
      return dclass == DClass.IN
          ? in
          : Record.newRecord(owner, number, dclass, ttl, in.rdataToWireCanonical());
    } catch (TextParseException e) {
      throw new AssertionError(e);
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }
}
