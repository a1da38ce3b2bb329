package dev.holdfast.redirector.replay.live;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;

/**
 * An interface of this machine on which ends are played.
 *
 * @param mac its own
 * @param mtu bytes of the longest IP packet
 */
record PlayedInterface(String name, MacAddress mac, int mtu) {
  /** Captured segments are replayed with up to so many bytes each. */
  private static final int LEAST_MTU = 1_500;

  /** A bit of the first byte says that a MAC was made up (IEEE 802). */
  private static final long MADE_UP = 0x0200_0000_0000L;

  private static final long PLAYED = 0x0000_5e00_5300L;

  /**
   * @throws IOException with a sentence, when it is not there or cannot be used
   */
  static PlayedInterface of(String name) throws IOException {
    NetworkInterface found = found(name);
    byte[] mac = found.getHardwareAddress();
    if (mac == null || mac.length != 6) {
      throw new IOException(
          name + " is no Ethernet interface, and a live replay sends Ethernet frames.");
    }
    if (!found.isUp()) {
      throw new IOException(name + " is down; ip link set " + name + " up.");
    }
    int mtu = found.getMTU();
    if (mtu < LEAST_MTU) {
      throw new IOException(
          name
              + " takes packets of "
              + mtu
              + " bytes, and captured segments have up to "
              + LEAST_MTU
              + "; ip link set "
              + name
              + " mtu "
              + LEAST_MTU
              + ".");
    }
    return new PlayedInterface(name, MacAddress.ofBytes(mac), mtu);
  }

  private static NetworkInterface found(String name) throws IOException {
    try {
      NetworkInterface found = NetworkInterface.getByName(name);
      if (found != null) {
        return found;
      }
    } catch (SocketException e) {
      throw new IOException("The interface " + name + " cannot be looked up: " + e.getMessage(), e);
    }
    throw new IOException("There is no interface " + name + "; ip link lists them.");
  }

  /** A MAC that is nobody's: not the interface's own, so that the kernel keeps out of it. */
  MacAddress playedMac() {
    return new MacAddress((mac.bits() | MADE_UP) ^ PLAYED);
  }

  /** All addresses that this machine has, on whatever interface. */
  static List<IpAddress> ownAddresses() throws IOException {
    List<IpAddress> own = new ArrayList<>();
    NetworkInterface.networkInterfaces()
        .forEach(each -> each.inetAddresses().forEach(address -> own.add(IpAddress.of(address))));
    return own;
  }
}
