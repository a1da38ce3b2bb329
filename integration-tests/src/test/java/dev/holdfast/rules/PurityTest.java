package dev.holdfast.rules;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Set;

/** The pure core takes bytes, time and randomness as arguments, and one class reads the clock. */
@AnalyzeClasses(packages = "dev.holdfast", importOptions = DoNotIncludeTests.class)
class PurityTest {

  private static final String SYSTEM_CLOCK = "dev.holdfast.tunnel.time.SystemClock";

  private static final String[] PURE = {
    "dev.holdfast.tunnel.packet..",
    "dev.holdfast.tunnel.encap..",
    "dev.holdfast.redirector.flow..",
    "dev.holdfast.redirector.decide..",
    "dev.holdfast.redirector.hold..",
    "dev.holdfast.redirector.filter..",
  };

  private static final Set<String> IMPURE_CLASSES =
      Set.of(
          "java.lang.Thread",
          "java.lang.ThreadLocal",
          "java.time.Clock",
          "java.time.InstantSource",
          "java.util.Timer",
          "java.security.SecureRandom",
          SYSTEM_CLOCK);

  private static final String[] IMPURE_PACKAGES = {
    "java.util.concurrent",
    "java.nio.channels",
    "io.netty.channel",
    "org.slf4j",
    "java.util.logging",
  };

  /** What java.net has beside sockets. */
  private static final Set<String> ADDRESSES =
      Set.of("InetAddress", "Inet4Address", "Inet6Address", "InetSocketAddress");

  private static final DescribedPredicate<JavaClass> IMPURE =
      describe(
          "are threads, clocks, sockets or logs",
          type ->
              IMPURE_CLASSES.contains(type.getName())
                  || isIn(type, IMPURE_PACKAGES)
                  || (isIn(type, "java.net")
                      && !ADDRESSES.contains(type.getSimpleName())
                      && !type.getName().endsWith("Exception")));

  private static final DescribedPredicate<JavaAccess<?>> READS_THE_CLOCK =
      describe(
          "the system's clock is read",
          access -> {
            String owner = access.getTargetOwner().getName();
            String name = access.getTarget().getName();
            return switch (owner) {
              case "java.lang.System" ->
                  name.equals("nanoTime") || name.equals("currentTimeMillis");
              case "java.time.Clock" -> name.startsWith("system") || name.startsWith("tick");
              case "java.time.InstantSource" -> name.equals("system");
              default -> owner.startsWith("java.time.") && name.equals("now");
            };
          });

  private static final DescribedPredicate<JavaAccess<?>> DRAWS_A_NUMBER =
      describe(
          "randomness is drawn that the caller did not give",
          access -> {
            String owner = access.getTargetOwner().getName();
            String name = access.getTarget().getName();
            return switch (owner) {
              case "java.lang.Math", "java.lang.StrictMath" -> name.equals("random");
              case "java.util.UUID" -> name.equals("randomUUID");
              default -> false;
            };
          });

  @ArchTest
  static final ArchRule theCoreHasNoThreadClockSocketOrLog =
      noClasses().that().resideInAnyPackage(PURE).should().dependOnClassesThat(IMPURE);

  @ArchTest
  static final ArchRule theCoreDrawsNoRandomNumbers =
      noClasses().that().resideInAnyPackage(PURE).should().accessTargetWhere(DRAWS_A_NUMBER);

  @ArchTest
  static final ArchRule onlyTheSystemClockReadsTheTime =
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName(SYSTEM_CLOCK)
          .and()
          .resideOutsideOfPackages(
              "dev.holdfast.redirector.demo..", "dev.holdfast.redirector.cli..")
          .should()
          .accessTargetWhere(READS_THE_CLOCK)
          .because("time is a parameter, so that a replay is the same twice");

  private static boolean isIn(JavaClass type, String... packages) {
    String name = type.getPackageName();
    for (String each : packages) {
      if (name.equals(each) || name.startsWith(each + ".")) {
        return true;
      }
    }
    return false;
  }
}
