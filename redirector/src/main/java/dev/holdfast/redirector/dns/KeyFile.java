package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsException.Kind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A file with a TSIG secret, in either of two forms: the secret's base64 alone, or the clause that
 * BIND's {@code tsig-keygen} prints,
 *
 * <pre>
 * key "mv-key" { algorithm hmac-sha256; secret "..."; };
 * </pre>
 *
 * @param keyName what the file calls the key; null in the first form
 * @param algorithm null in the first form
 * @param warnings sentences, such as that everybody may read the file
 */
record KeyFile(
    Path file,
    @Nullable String keyName,
    @Nullable String algorithm,
    byte[] secret,
    List<String> warnings) {

  private static final int LARGEST = 64 * 1024;

  /** Comments first, so that the slashes of an unquoted base64 word are not taken for one. */
  private static final Pattern TOKEN =
      Pattern.compile(
          "(?<comment>#[^\\n]*|//[^\\n]*|/\\*.*?\\*/)|\"(?<quoted>[^\"]*)\"|(?<word>[{};]|[^\\s{};\"]+)",
          Pattern.DOTALL);

  /**
   * Reads the file.
   *
   * @throws DnsException when it cannot be read or has neither form
   */
  static KeyFile read(Path file) throws DnsException {
    String text;
    List<String> warnings = new ArrayList<>();
    try {
      if (Files.size(file) > LARGEST) {
        throw unusable(file, "is too large for a key");
      }
      text = Files.readString(file, StandardCharsets.US_ASCII);
      if (Files.getPosixFilePermissions(file).contains(PosixFilePermission.OTHERS_READ)) {
        warnings.add(
            "The key file %s may be read by every user of this host; 'chmod o-rwx %s' ends that."
                .formatted(file, file));
      }
    } catch (NoSuchFileException e) {
      throw new DnsException(Kind.CONFIGURATION, "The key file " + file + " does not exist.", e);
    } catch (AccessDeniedException e) {
      throw new DnsException(
          Kind.CONFIGURATION, "The key file " + file + " may not be read by this user.", e);
    } catch (IOException e) {
      throw new DnsException(
          Kind.CONFIGURATION, "The key file " + file + " cannot be read: " + e.getMessage(), e);
    }
    return parse(file, text, warnings);
  }

  /** The key of {@code zone}, whose configuration must not contradict what the file says. */
  TsigKey keyFor(Config.DnsZone zone) throws DnsException {
    if (keyName != null && !DnsNames.absolute(keyName).equals(DnsNames.absolute(zone.keyName()))) {
      throw new DnsException(
          Kind.CONFIGURATION,
          "The key file %s is of key %s, but the configuration says key-name %s for zone %s."
              .formatted(file, keyName, zone.keyName(), zone.zone()));
    }
    if (algorithm != null && !algorithm.equalsIgnoreCase(zone.keyAlgorithm())) {
      throw new DnsException(
          Kind.CONFIGURATION,
          "The key file %s says algorithm %s, but the configuration says %s for zone %s."
              .formatted(file, algorithm, zone.keyAlgorithm(), zone.zone()));
    }
    return TsigKey.of(zone.keyName(), zone.keyAlgorithm(), secret);
  }

  private static KeyFile parse(Path file, String text, List<String> warnings) throws DnsException {
    if (text.isBlank()) {
      throw unusable(file, "is empty");
    }
    if (!text.contains("{")) {
      return new KeyFile(file, null, null, decode(file, text), List.copyOf(warnings));
    }
    List<String> tokens = tokens(text);
    int key = tokens.indexOf("key");
    if (key < 0 || key + 2 >= tokens.size() || !tokens.get(key + 2).equals("{")) {
      throw unusable(file, "has neither a base64 secret alone nor a clause key \"NAME\" { ... };");
    }
    int end = tokens.indexOf("}");
    List<String> clause = tokens.subList(key + 3, end < key + 3 ? tokens.size() : end);
    String secret = valueOf(clause, "secret");
    if (secret == null) {
      throw unusable(file, "has a key clause without a secret");
    }
    return new KeyFile(
        file,
        tokens.get(key + 1),
        valueOf(clause, "algorithm"),
        decode(file, secret),
        List.copyOf(warnings));
  }

  private static List<String> tokens(String text) {
    List<String> tokens = new ArrayList<>();
    Matcher matcher = TOKEN.matcher(text);
    while (matcher.find()) {
      String quoted = matcher.group("quoted");
      String word = matcher.group("word");
      if (quoted != null) {
        tokens.add(quoted);
      } else if (word != null) {
        tokens.add(word);
      }
    }
    return tokens;
  }

  private static @Nullable String valueOf(List<String> clause, String keyword) {
    int at = clause.indexOf(keyword);
    return at < 0 || at + 1 >= clause.size() ? null : clause.get(at + 1);
  }

  private static byte[] decode(Path file, String text) throws DnsException {
    try {
      return Base64.getDecoder().decode(text.replaceAll("\\s", ""));
    } catch (IllegalArgumentException e) {
      throw new DnsException(
          Kind.CONFIGURATION, "The secret in the key file " + file + " is not base64.", e);
    }
  }

  private static DnsException unusable(Path file, String why) {
    return new DnsException(Kind.CONFIGURATION, "The key file " + file + " " + why + ".");
  }
}
