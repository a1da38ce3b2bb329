package dev.holdfast.rules;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** A name says what a thing is or does. Tests are held to it as well. */
@AnalyzeClasses(packages = "dev.holdfast")
class NamingTest {

  @ArchTest
  static final ArchRule namesSayWhatAThingIs =
      noClasses().should().haveNameMatching(".*(Manager|Helper|Util|Utils|Impl)");
}
