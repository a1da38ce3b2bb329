package dev.holdfast.redirector.hook;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.SAXException;

/**
 * What libvirt says of a guest: its domain XML, as a hook gets it, or as it is in the status file
 * of a running one (there it is an element of {@code domstatus}).
 *
 * @param name "" where it has none
 * @param macs of its interfaces, in lower case
 * @param monitor a QMP socket beside libvirt's own, from {@code qemu:commandline}; null where there
 *     is none
 */
record DomainXml(String name, List<String> macs, @Nullable Path monitor) {
  private static final String QEMU = "http://libvirt.org/schemas/domain/qemu/1.0";

  /**
   * Reads it; nothing outside of it is looked at.
   *
   * @throws IOException with a sentence, when it is no domain XML
   */
  static DomainXml parse(byte[] xml) throws IOException {
    Element root;
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultNSInstance();
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      factory.setXIncludeAware(false);
      var builder = factory.newDocumentBuilder();
      builder.setErrorHandler(null); // it would print to standard error
      root = builder.parse(new ByteArrayInputStream(xml)).getDocumentElement();
    } catch (SAXException | ParserConfigurationException e) {
      throw new IOException("The guest's XML cannot be read: " + e.getMessage(), e);
    }
    Element domain = root.getTagName().equals("domain") ? root : child(root, "domain");
    if (domain == null) {
      throw new IOException("The guest's XML is no <domain>, but <" + root.getTagName() + ">.");
    }
    Element name = child(domain, "name");
    return new DomainXml(
        name == null ? "" : name.getTextContent().strip(), macs(domain), monitor(domain));
  }

  private static List<String> macs(Element domain) {
    List<String> macs = new ArrayList<>();
    Element devices = child(domain, "devices");
    if (devices != null) {
      for (Element each : children(devices, "interface")) {
        Element mac = child(each, "mac");
        if (mac != null) {
          macs.add(mac.getAttribute("address").toLowerCase(Locale.ROOT));
        }
      }
    }
    return List.copyOf(macs);
  }

  /** Either {@code -qmp unix:PATH,...}, or {@code -chardev socket,...} with {@code -mon}. */
  private static @Nullable Path monitor(Element domain) {
    List<String> arguments = new ArrayList<>();
    for (Node each = domain.getFirstChild(); each != null; each = each.getNextSibling()) {
      if (each instanceof Element commandline
          && QEMU.equals(commandline.getNamespaceURI())
          && "commandline".equals(commandline.getLocalName())) {
        var list = commandline.getElementsByTagNameNS(QEMU, "arg");
        for (int i = 0; i < list.getLength(); i++) {
          arguments.add(((Element) list.item(i)).getAttribute("value"));
        }
      }
    }
    Map<String, String> sockets = new HashMap<>();
    for (int i = 0; i + 1 < arguments.size(); i++) {
      String value = arguments.get(i + 1);
      switch (arguments.get(i)) {
        case "-qmp", "-qmp-pretty" -> {
          if (value.startsWith("unix:")) {
            return path(options("path=" + value.substring("unix:".length())).get("path"));
          }
        }
        case "-chardev" -> {
          Map<String, String> options = options(value);
          if (options.containsKey("socket") && options.containsKey("path")) {
            sockets.put(options.getOrDefault("id", ""), options.get("path"));
          }
        }
        default -> {}
      }
    }
    for (int i = 0; i + 1 < arguments.size(); i++) {
      if (arguments.get(i).equals("-mon")) {
        Map<String, String> options = options(arguments.get(i + 1));
        String id = options.getOrDefault("chardev", "");
        if ("control".equals(options.get("mode")) && sockets.containsKey(id)) {
          return path(sockets.get(id));
        }
      }
    }
    return null;
  }

  /** QEMU's option lists: {@code a=1,b=x,,y,c} is a=1, b="x,y" and c="". */
  private static Map<String, String> options(String text) {
    Map<String, String> options = new HashMap<>();
    for (String each : text.replace(",,", "\0").split(",")) {
      String[] pair = each.replace('\0', ',').split("=", 2);
      options.put(pair[0], pair.length == 2 ? pair[1] : "");
    }
    return options;
  }

  private static @Nullable Path path(@Nullable String text) {
    return text == null || text.isEmpty() || text.indexOf('\0') >= 0 ? null : Path.of(text);
  }

  private static @Nullable Element child(Element parent, String name) {
    List<Element> all = children(parent, name);
    return all.isEmpty() ? null : all.getFirst();
  }

  private static List<Element> children(Element parent, String name) {
    List<Element> found = new ArrayList<>();
    for (Node each = parent.getFirstChild(); each != null; each = each.getNextSibling()) {
      if (each instanceof Element element && element.getTagName().equals(name)) {
        found.add(element);
      }
    }
    return found;
  }
}
