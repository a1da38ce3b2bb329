package dev.holdfast.redirector.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** Reads the version that the build wrote beside this class. */
final class Version implements IVersionProvider {

  @Override
  public String[] getVersion() throws IOException {
    return new String[] {"holdfast " + text()};
  }

  /** Such as {@code 0.1.0}. */
  static String text() throws IOException {
    try (InputStream in = Version.class.getResourceAsStream("version.properties")) {
      if (in == null) {
        throw new IOException("version.properties is missing from the build");
      }
      var properties = new Properties();
      properties.load(in);
      return properties.getProperty("version", "unknown");
    }
  }
}
