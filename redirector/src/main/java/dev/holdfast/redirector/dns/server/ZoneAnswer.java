package dev.holdfast.redirector.dns.server;

import java.util.List;
import java.util.Map;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Answers a question from a zone (RFC 1034 section 4.3.2, without delegations and wildcards). */
final class ZoneAnswer {
  /** Questions for a zone's transfer or for meta data, none of which are served. */
  private static final int FIRST_TRANSFER = 251;

  private static final int LAST_TRANSFER = 254;

  private ZoneAnswer() {}

  /** Fills in {@code response}: answer, authority, additional and the answer code. */
  static void fill(Zone zone, Record question, Message response) {
    Name name = question.getName();
    int type = question.getType();
    boolean ours =
        name.subdomain(zone.origin())
            && (question.getDClass() == DClass.IN || question.getDClass() == DClass.ANY);
    if (!ours || (type >= FIRST_TRANSFER && type <= LAST_TRANSFER)) {
      response.getHeader().setRcode(Rcode.REFUSED);
      return;
    }
    response.getHeader().setFlag(Flags.AA);
    if (!zone.exists(name)) {
      response.getHeader().setRcode(Rcode.NXDOMAIN);
      addSoa(zone, response);
      return;
    }
    Map<Integer, List<Record>> node = zone.node(name);
    if (type == Type.ANY) {
      node.values().forEach(set -> addAll(set, response, Section.ANSWER));
    } else if (node.containsKey(type)) {
      addAll(zone.set(name, type), response, Section.ANSWER);
      addGlue(zone, zone.set(name, type), response);
    } else if (node.containsKey(Type.CNAME)) {
      addAlias(zone, name, type, response);
    }
    if (response.getSection(Section.ANSWER).isEmpty()) {
      addSoa(zone, response);
    }
  }

  /** The alias and, within the zone, what it leads to; one step, as chains are a mistake. */
  private static void addAlias(Zone zone, Name name, int type, Message response) {
    for (Record each : zone.set(name, Type.CNAME)) {
      response.addRecord(each, Section.ANSWER);
      if (each instanceof CNAMERecord alias) {
        addAll(zone.set(alias.getTarget(), type), response, Section.ANSWER);
      }
    }
  }

  private static void addGlue(Zone zone, List<Record> set, Message response) {
    for (Record each : set) {
      if (each instanceof NSRecord ns) {
        addAll(zone.set(ns.getTarget(), Type.A), response, Section.ADDITIONAL);
        addAll(zone.set(ns.getTarget(), Type.AAAA), response, Section.ADDITIONAL);
      }
    }
  }

  /** The negative TTL is the lower of the SOA's own and its minimum (RFC 2308 section 3). */
  private static void addSoa(Zone zone, Message response) {
    SOARecord soa = zone.soa();
    response.addRecord(
        Zone.withTtl(soa, Math.min(soa.getTTL(), soa.getMinimum())), Section.AUTHORITY);
  }

  private static void addAll(List<Record> set, Message response, int section) {
    for (Record each : set) {
      if (!response.findRecord(each, section)) {
        response.addRecord(each, section);
      }
    }
  }
}
