package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.steer.HostFacts.Device;
import java.util.List;
import java.util.Optional;

/** Interfaces whose frames go by the rules of this host's bridges and routes, unseen by them. */
final class Bypass {
  private Bypass() {}

  /**
   * Why nothing can be steered on {@code device}, a sentence; empty where it can.
   *
   * @param all every interface of the host
   */
  static Optional<String> of(Device device, List<Device> all) {
    if (device.kind().equals("openvswitch")) {
      return Optional.of(device.name() + " belongs to Open vSwitch, which has rules of its own");
    }
    if (all.stream()
        .anyMatch(
            other -> other.name().equals(device.master()) && other.kind().equals("openvswitch"))) {
      return Optional.of(device.name() + " is a port of Open vSwitch, which has rules of its own");
    }
    return switch (device.kind()) {
      case "macvtap", "macvlan", "ipvtap", "ipvlan" ->
          Optional.of(
              "%s is a %s: its frames go to the network card past this host's bridges and routes"
                  .formatted(device.name(), device.kind()));
      default ->
          device.virtualFunctions()
              ? Optional.of(
                  device.name()
                      + " has virtual functions (SR-IOV): their guests' frames never come to this"
                      + " host's kernel")
              : Optional.empty();
    };
  }
}
