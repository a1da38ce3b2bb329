package dev.holdfast.redirector.replay.report;

import dev.holdfast.redirector.replay.FlowResult;
import dev.holdfast.redirector.replay.report.Expectation.Outcome;
import dev.holdfast.redirector.replay.report.ReportTap.Judged;
import java.io.StringWriter;
import java.util.List;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/** Replays as JUnit's XML: a suite for each capture, a case for each connection and each limit. */
public final class ReportXml {
  private ReportXml() {}

  public static String of(List<Judged> replays) {
    var text = new StringWriter();
    try {
      XMLStreamWriter xml = XMLOutputFactory.newDefaultFactory().createXMLStreamWriter(text);
      xml.writeStartDocument("UTF-8", "1.0");
      xml.writeStartElement("testsuites");
      for (Judged replay : replays) {
        suite(xml, replay);
      }
      xml.writeEndElement();
      xml.writeEndDocument();
      xml.close();
    } catch (XMLStreamException e) {
      throw new IllegalStateException(e); // a writer in memory
    }
    return text + "\n";
  }

  private static void suite(XMLStreamWriter xml, Judged replay) throws XMLStreamException {
    List<FlowResult> flows = replay.report().flows();
    long skipped = flows.stream().filter(ReportXml::isSkipped).count();
    long failed =
        flows.stream().filter(flow -> !flow.verdict().isGood()).count()
            + replay.outcomes().stream().filter(outcome -> !outcome.isMet()).count();
    xml.writeStartElement("testsuite");
    xml.writeAttribute("name", clean(replay.report().file()));
    xml.writeAttribute("tests", Integer.toString(flows.size() + replay.outcomes().size()));
    xml.writeAttribute("failures", Long.toString(failed));
    xml.writeAttribute("errors", "0");
    xml.writeAttribute("skipped", Long.toString(skipped));
    for (Outcome outcome : replay.outcomes()) {
      begin(xml, replay, outcome.what() + " " + outcome.expected());
      if (!outcome.isMet()) {
        failure(xml, "found " + outcome.found());
      }
      xml.writeEndElement();
    }
    for (FlowResult flow : flows) {
      begin(xml, replay, flow.name());
      if (isSkipped(flow)) {
        xml.writeEmptyElement("skipped");
        xml.writeAttribute("message", clean(flow.verdict().text()));
      } else if (!flow.verdict().isGood()) {
        failure(xml, flow.verdict().text());
      }
      xml.writeEndElement();
    }
    xml.writeEndElement();
  }

  private static void begin(XMLStreamWriter xml, Judged replay, String name)
      throws XMLStreamException {
    xml.writeStartElement("testcase");
    xml.writeAttribute("classname", clean(replay.report().file()));
    xml.writeAttribute("name", clean(name));
  }

  private static void failure(XMLStreamWriter xml, String message) throws XMLStreamException {
    xml.writeEmptyElement("failure");
    xml.writeAttribute("message", clean(message));
  }

  private static boolean isSkipped(FlowResult flow) {
    return flow.verdict().label().equals("not-replayed");
  }

  /** Without what XML 1.0 has no way to write: a file's name may have it. */
  private static String clean(String text) {
    return text.codePoints()
        .map(c -> c < 0x20 && c != '\t' && c != '\n' && c != '\r' ? '?' : c)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }
}
