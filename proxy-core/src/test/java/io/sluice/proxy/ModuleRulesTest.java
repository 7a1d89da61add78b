package io.sluice.proxy;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The house rules on who may depend on what. */
class ModuleRulesTest {
  private static final JavaClasses ALL =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.sluice");

  @Test
  void steeringDependsOnNothingButTheJdk() {
    classes()
        .that()
        .resideInAPackage("io.sluice.steering..")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage("io.sluice.steering..", "java..", "org.jspecify.annotations..")
        .check(ALL);
  }

  @Test
  void foreignMemoryIsTouchedInOnePackageOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.sluice.proxy.linux")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.lang.foreign..")
        .check(ALL);
  }

  /** Signals say why. */
  @Test
  void reflectionIsForClassesFromJarsOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.sluice.proxy.program")
        .and()
        .doNotHaveFullyQualifiedName("io.sluice.proxy.control.Signals")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.lang.reflect..")
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(ClassLoader.class)
        .orShould()
        .callMethod(Class.class, "forName", String.class)
        .check(ALL);
  }

  @Test
  void bpfDependsOnNothingButTheEngineAndTheJdk() {
    classes()
        .that()
        .resideInAPackage("io.sluice.bpf..")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(
            "io.sluice.bpf..", "io.sluice.steering..", "java..", "org.jspecify.annotations..")
        .check(ALL);
  }

  @Test
  void classFilesAreMadeInOnePackageOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.sluice.bpf.compile")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.lang.classfile..")
        .check(ALL);
  }

  @Test
  void yamlAndJacksonAreKnownToTheConfigReaderOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.sluice.config")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("tools.jackson..", "com.fasterxml..", "org.snakeyaml..")
        .check(ALL);
  }

  @Test
  void configKnowsNoNetwork() {
    noClasses()
        .that()
        .resideInAPackage("io.sluice.config..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.netty..", "io.sluice.proxy..", "java.net..")
        .check(ALL);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("io.sluice.(**)").should().beFreeOfCycles().check(ALL);
  }
}
