package dev.holdfast.guest;

import dev.holdfast.redirector.demo.lab.Tool;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What a test guest boots: Debian's kernel, and a root file system in memory with busybox, some
 * programs and some of the kernel's modules.
 *
 * @param kernel for QEMU's {@code -kernel}
 * @param initramfs for QEMU's {@code -initrd}
 */
public record GuestImage(Path kernel, Path initramfs) {
  /** What every guest loads as it boots. */
  private static final List<String> BOOT_MODULES = List.of("virtio_pci", "virtio_net");

  private static final String UNCOMPRESSED = "vmlinux";
  private static final byte[] XZ = {(byte) 0xfd, '7', 'z', 'X', 'Z', 0};
  private static final byte[] ELF = {0x7f, 'E', 'L', 'F'};

  /**
   * Makes one.
   *
   * @param folder gets the initramfs
   * @throws IOException in one sentence that says what is missing
   */
  public static GuestImage make(Path folder, GuestContents contents) throws IOException {
    Path busybox = DebianPackage.unpacked("busybox-static", files -> {});
    Path kernel = DebianPackage.unpacked(DebianPackage.kernel(), GuestImage::uncompress);
    Files.createDirectories(folder);
    Path initramfs = folder.resolve("initramfs");
    try (var out = new BufferedOutputStream(Files.newOutputStream(initramfs));
        var archive = new Initramfs(out);
        InputStream init =
            Objects.requireNonNull(GuestImage.class.getResourceAsStream("init"), "init")) {
      archive.file(Path.of("/init"), init.readAllBytes());
      archive.file(Path.of("/bin/busybox"), Files.readAllBytes(existing(busybox, "bin/busybox")));
      addPrograms(archive, contents.source(), contents.programs());
      addModules(archive, kernel, contents.modules());
      for (Map.Entry<Path, byte[]> file : contents.files().entrySet()) {
        archive.file(file.getKey(), file.getValue());
      }
    }
    return new GuestImage(bootable(kernel), initramfs);
  }

  // ---- the kernel ----

  /**
   * QEMU boots an uncompressed kernel at once (PVH); without hardware virtualization that saves the
   * guest several seconds of decompression.
   */
  private static void uncompress(Path files) throws IOException {
    byte[] image = Files.readAllBytes(compressed(files));
    int at = indexOf(image, XZ);
    if (at < 0) {
      return; // another compression: the guest does it itself
    }
    Path part = files.resolve("part.xz");
    Files.write(part, Arrays.copyOfRange(image, at, image.length));
    Path kernel = files.resolve(UNCOMPRESSED);
    int status;
    try {
      status =
          new ProcessBuilder("xz", "-dc", "--single-stream", part.toString())
              .redirectOutput(kernel.toFile())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while a kernel was decompressed", e);
    }
    Files.delete(part);
    try (InputStream start = Files.newInputStream(kernel)) {
      if (status != 0 || !Arrays.equals(start.readNBytes(ELF.length), ELF)) {
        throw new IOException("the kernel in " + files + " cannot be decompressed");
      }
    }
  }

  private static int indexOf(byte[] where, byte[] what) {
    for (int i = 0; i + what.length <= where.length; i++) {
      if (Arrays.equals(where, i, i + what.length, what, 0, what.length)) {
        return i;
      }
    }
    return -1;
  }

  private static Path compressed(Path files) throws IOException {
    try (Stream<Path> boot = Files.list(existing(files, "boot"))) {
      return boot.filter(file -> file.getFileName().toString().startsWith("vmlinuz"))
          .findFirst()
          .orElseThrow(() -> new IOException("there is no kernel in " + files));
    }
  }

  private static Path bootable(Path files) throws IOException {
    Path uncompressed = files.resolve(UNCOMPRESSED);
    return Files.exists(uncompressed) ? uncompressed : compressed(files);
  }

  // ---- modules ----

  private static void addModules(Initramfs archive, Path kernel, List<String> wanted)
      throws IOException {
    Map<String, Path> files = moduleFiles(kernel);
    Set<String> all = new TreeSet<>();
    for (String name : Stream.concat(BOOT_MODULES.stream(), wanted.stream()).toList()) {
      Set<String> order = new LinkedHashSet<>();
      addInLoadOrder(name, files, order);
      archive.file(
          Path.of("/modules", name + ".order"),
          String.join("\n", order).getBytes(StandardCharsets.UTF_8));
      all.addAll(order);
    }
    for (String name : all) {
      archive.file(
          Path.of("/modules", name + ".ko"), content(Objects.requireNonNull(files.get(name))));
    }
  }

  private static Map<String, Path> moduleFiles(Path kernel) throws IOException {
    Map<String, Path> found = new TreeMap<>();
    // Debian 13 has /lib in /usr
    Path lib = Files.isDirectory(kernel.resolve("lib")) ? kernel : kernel.resolve("usr");
    try (Stream<Path> files = Files.walk(existing(lib, "lib/modules"))) {
      files
          .filter(file -> file.getFileName().toString().matches(".*\\.ko(\\.xz)?"))
          .forEach(file -> found.put(moduleName(file), file));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return found;
  }

  private static String moduleName(Path file) {
    return file.getFileName().toString().replaceFirst("\\.ko.*", "").replace('-', '_');
  }

  /** What a module depends on stands before it; that differs from one kernel to the next. */
  private static void addInLoadOrder(String name, Map<String, Path> files, Set<String> order)
      throws IOException {
    Path file = files.get(name);
    if (file == null) {
      throw new IOException("the guest's kernel has no module " + name);
    }
    String depends = Tool.run(List.of("modinfo", "-F", "depends", file.toString())).strip();
    for (String each : depends.split(",", -1)) {
      if (!each.isEmpty()) {
        addInLoadOrder(each.replace('-', '_'), files, order);
      }
    }
    order.add(name);
  }

  private static byte[] content(Path module) throws IOException {
    if (!module.toString().endsWith(".xz")) {
      return Files.readAllBytes(module);
    }
    Process xz = new ProcessBuilder("xz", "-dc", module.toString()).start();
    try (InputStream plain = xz.getInputStream()) {
      return plain.readAllBytes();
    }
  }

  // ---- programs ----

  private static void addPrograms(Initramfs archive, ProgramSource source, List<String> programs)
      throws IOException {
    Map<Path, Path> libraries = new TreeMap<>();
    for (String name : programs) {
      Path program = source.find(name);
      Path there = name.contains("/") ? Path.of("/").resolve(name) : Path.of("/tools", name);
      archive.file(there, Files.readAllBytes(program));
      libraries.putAll(source.libraries(program));
    }
    for (Map.Entry<Path, Path> library : libraries.entrySet()) {
      archive.file(library.getKey(), Files.readAllBytes(library.getValue()));
    }
  }

  private static Path existing(Path folder, String name) throws IOException {
    Path path = folder.resolve(name);
    if (!Files.exists(path)) {
      throw new IOException("there is no " + name + " in " + folder);
    }
    return path;
  }
}
