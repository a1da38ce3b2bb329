package dev.holdfast.rules;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Dependencies point one way: redirector, then tunnel; in it endpoint, link, encap, packet. */
@AnalyzeClasses(packages = "dev.holdfast", importOptions = DoNotIncludeTests.class)
class LayeringTest {

  private static final String TUNNEL = "dev.holdfast.tunnel.";
  private static final String REDIRECTOR = "dev.holdfast.redirector.";

  @ArchTest
  static final ArchRule tunnelDoesNotKnowTheRedirector =
      noClasses()
          .that()
          .resideInAPackage("dev.holdfast.tunnel..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.holdfast.redirector..");

  @ArchTest static final ArchRule packetIsTheLowest = below("packet", "encap", "link", "endpoint");

  @ArchTest static final ArchRule encapIsBelowLink = below("encap", "link", "endpoint");

  @ArchTest static final ArchRule linkIsBelowEndpoint = below("link", "endpoint");

  @ArchTest
  static final ArchRule sysKnowsNothingOfTheRest =
      noClasses()
          .that()
          .resideInAPackage(TUNNEL + "sys..")
          .should()
          .dependOnClassesThat(
              resideInAnyPackage("dev.holdfast..").and(not(resideInAnyPackage(TUNNEL + "sys.."))));

  @ArchTest
  static final ArchRule systemCallsAreMadeByDeviceAndLinkAlone =
      noClasses()
          .that()
          .resideOutsideOfPackages(TUNNEL + "sys..", TUNNEL + "device..", TUNNEL + "link..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage(TUNNEL + "sys..");

  @ArchTest
  static final ArchRule pcap4jStaysBehindOneSeam =
      noClasses()
          .that()
          .resideOutsideOfPackages(REDIRECTOR + "capture..", REDIRECTOR + "demo..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.pcap4j..")
          .because("pcap4j is quiet since 2019, and must be replaceable in one place");

  private static ArchRule below(String lower, String... upper) {
    String[] forbidden = new String[upper.length];
    for (int i = 0; i < upper.length; i++) {
      forbidden[i] = TUNNEL + upper[i] + "..";
    }
    return noClasses()
        .that()
        .resideInAPackage(TUNNEL + lower + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(forbidden);
  }
}
