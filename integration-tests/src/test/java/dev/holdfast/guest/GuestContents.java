package dev.holdfast.guest;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What a guest's root file system has beside busybox.
 *
 * @param modules of the kernel, by name; not loaded until the guest is told {@code load NAME}
 * @param source of the programs
 * @param programs by name, which are in the guest's path; or by their path below the source's root,
 *     which is theirs in the guest too
 * @param files contents by absolute path
 */
public record GuestContents(
    List<String> modules, ProgramSource source, List<String> programs, Map<Path, byte[]> files) {

  /** Programs of this machine. */
  public static GuestContents of(List<String> modules, List<String> programs) {
    return new GuestContents(modules, ProgramSource.thisMachine(), programs, Map.of());
  }
}
