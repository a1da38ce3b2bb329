package dev.holdfast.redirector.hook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DomainXmlTest {

  private static DomainXml read(String xml) throws IOException {
    return DomainXml.parse(xml.getBytes(StandardCharsets.UTF_8));
  }

  /** As libvirt 11 has it of a guest with two networks, shortened. */
  static String domain(String arguments) {
    return """
    <domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
      <name>web1</name>
      <uuid>6f0f2d0e-2b3b-4f0e-9d4b-0d9a5c9f1a11</uuid>
      <memory unit='KiB'>1048576</memory>
      <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
      <devices>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
        <interface type='bridge'>
          <mac address='52:54:00:10:00:1A'/>
          <source bridge='br0'/>
          <target dev='vnet3'/>
          <model type='virtio'/>
        </interface>
        <interface type='bridge'><mac address='52:54:00:10:00:11'/></interface>
        <channel type='unix'>
          <source mode='bind' path='/run/libvirt/qemu/channel/7-web1/org.qemu.guest_agent.0'/>
        </channel>
      </devices>
      <qemu:commandline>
    """
        + arguments
        + "  </qemu:commandline>\n</domain>\n";
  }

  private static String args(String... values) {
    StringBuilder text = new StringBuilder();
    for (String value : values) {
      text.append("<qemu:arg value='").append(value).append("'/>\n");
    }
    return text.toString();
  }

  @Test
  void namesMacsAndMonitorAreFound() throws Exception {
    DomainXml domain = read(domain(args("-qmp", "unix:/run/holdfast/web1.qmp,server=on,wait=off")));
    assertThat(domain.name()).isEqualTo("web1");
    assertThat(domain.macs()).containsExactly("52:54:00:10:00:1a", "52:54:00:10:00:11");
    assertThat(domain.monitor()).isEqualTo(Path.of("/run/holdfast/web1.qmp"));
  }

  @Test
  void aMonitorMayBeWrittenInTwoParts() throws Exception {
    String arguments =
        args(
            "-chardev",
            "socket,id=other,path=/run/serial,server=on",
            "-chardev",
            "socket,id=hf,path=/run/a,,b.qmp,server=on,wait=off",
            "-mon",
            "chardev=other,mode=readline",
            "-mon",
            "chardev=hf,mode=control");
    assertThat(read(domain(arguments)).monitor()).isEqualTo(Path.of("/run/a,b.qmp"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "<qemu:arg value='-qmp'/><qemu:arg value='tcp:localhost:4444,server=on'/>",
        "<qemu:arg value='-qmp'/>",
        "<qemu:arg value='-qmp'/><qemu:arg value='unix:'/>",
        "<qemu:arg value='-mon'/><qemu:arg value='chardev=hf,mode=control'/>",
        "<arg value='-qmp'/><arg value='unix:/run/x'/>",
      })
  void whereThereIsNoneThereIsNone(String arguments) throws Exception {
    assertThat(read(domain(arguments)).monitor()).isNull();
  }

  /** The file that libvirt keeps of a running guest. */
  @Test
  void theStatusFileHasTheDomainInside() throws Exception {
    String status =
        "<domstatus state='running' reason='booted' pid='4711'>\n<monitor path='/x' type='unix'/>"
            + domain(args("-qmp", "unix:/run/q"))
            + "</domstatus>";
    assertThat(read(status).monitor()).isEqualTo(Path.of("/run/q"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "no XML",
        "<domain>",
        "<network><name>default</name></network>",
        "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>",
      })
  void whatIsNoDomainIsRefused(String xml) {
    assertThatThrownBy(() -> read(xml))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("The guest's XML ");
  }
}
