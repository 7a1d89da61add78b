package io.sluice.config;

import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * From layers to a configuration, or to everything that is wrong with them. A whole file and one
 * binding more go the same way; the checks of bindings look at those that differ.
 */
final class Merge {
  private static final List<String> KEYS =
      List.of(
          "capture",
          "destinations",
          "programs",
          "shadows",
          "listeners",
          "expect",
          "loops",
          "limits",
          "admin");

  private final Document document;
  private final @Nullable Config before;
  private final Problems problems;
  private final MergedBindings bindings;
  private final @Nullable Bindings fresh;

  private Merge(
      Document document, @Nullable Config before, @Nullable Bindings fresh, Problems problems) {
    this.document = document;
    this.before = before;
    this.problems = problems;
    this.fresh = fresh;
    this.bindings = MergedBindings.of(document, before);
  }

  /**
   * Merges and checks. What a layer that doesn't change says, and what no longer fits, is left out
   * with a warning: it is what is beside it that has changed.
   *
   * @param before what is in force; null at the start
   * @param changed the layer that changes: what is wrong with it is an error
   * @param fresh the bindings of the file, if it has been read just now
   * @param problems the file's; may have some already
   */
  static Loaded check(
      Document document,
      @Nullable Config before,
      String changed,
      @Nullable Bindings fresh,
      Problems problems)
      throws ConfigException {
    Problems ofFile = problems.of(document.file(problems.file()));
    Merge merge = new Merge(document, before, fresh, ofFile);
    Config quick = problems.errors() == 0 && fresh == null ? merge.bindingsOnly() : null;
    if (quick != null) {
      problems.throwIfErrors();
      return new Loaded(quick, problems.inOrder());
    }
    boolean isClean = problems.errors() == 0;
    int mark = problems.mark();
    Set<Item> idle = new HashSet<>();
    while (true) {
      MergedSections sections = new MergedSections(document, ofFile, idle, merge.bindings::isBound);
      Config config = merge.config(sections, changed);
      List<Item> faulty =
          sections.faulty().stream()
              .filter(it -> !it.source().layer().equals(changed) || merge.wasIdle(it))
              .toList();
      if (problems.errors() == 0 && config != null) {
        sections.unfit().forEach(it -> merge.warnIdle(it, whyUnfit(it)));
        idle.forEach(it -> merge.warnIdle(it, "it doesn't fit what is beside it"));
        List<Item> without = new ArrayList<>(idle);
        without.addAll(sections.unfit());
        return new Loaded(
            config.with(document.withIdle(without), config.bindings()), problems.inOrder());
      }
      if (!isClean || faulty.isEmpty()) {
        problems.throwIfErrors();
        throw new IllegalStateException("no configuration, but no error either");
      }
      problems.forgetSince(mark);
      idle.addAll(faulty);
    }
  }

  /** Whether it didn't fit before: then a change beside it may go on without it. */
  private boolean wasIdle(Item item) {
    Layer layer =
        before == null
            ? Layer.empty(item.source().layer())
            : before.document().layer(item.source().layer());
    return layer.idle().contains(item.key()) && item.equals(layer.items().get(item.key()));
  }

  private static String whyUnfit(Item item) {
    return item.how() == Item.How.PUT
        ? "nothing leads to its label"
        : "what it changes isn't there";
  }

  private void warnIdle(Item item, String why) {
    problems
        .of(item.source().file())
        .warning(0, 0, item.key().toString(), "has no effect now: " + why);
  }

  /**
   * What is in force, with other bindings; null if more than that may have to change. The other
   * sections are the same objects, which tells {@code Plan} that there is nothing to do for them.
   */
  private @Nullable Config bindingsOnly() {
    BindingTable.Difference difference = bindings.difference();
    Config old = before;
    if (old == null
        || difference == null
        || old.capturesDerived()
        || !hasSameItems(old.document())
        || !bindings.leadsToTheSame(old.bindings())) {
      return null;
    }
    warnUncaptured(old.captures(), difference.put());
    return old.with(document, bindings.table());
  }

  private boolean hasSameItems(Document old) {
    List<Layer> layers = document.layers();
    if (layers.size() != old.layers().size()) {
      return false;
    }
    for (int i = 0; i < layers.size(); i++) {
      if (!layers.get(i).hasSameItems(old.layers().get(i))) {
        return false;
      }
    }
    return true;
  }

  private @Nullable Config config(MergedSections sections, String changed) {
    Layer file = document.layer(Layer.FILE);
    Value root = Value.root(sections.root(), problems, Value.Surroundings.NONE);
    Fields fields = Fields.of(root, KEYS);
    if (fields == null) {
      return null;
    }
    BindingTable table = bindings.table();
    Labels labels = labels(file);
    int errorsBeforeCapture = problems.errors();
    List<Located<CaptureSpec>> captures =
        fields.optional("capture", List.of(), CaptureSection::read);
    boolean capturesRead = problems.errors() == errorsBeforeCapture;
    boolean derived =
        !file.items().containsKey(new Item.Key("capture", ""))
            && !file.unreadable().contains("capture");
    use(labels);
    List<Located<DestinationSpec>> destinations =
        fields.optional("destinations", List.of(), value -> DestinationSection.read(value, labels));
    int errorsBeforePrograms = problems.errors();
    List<ProgramSpec> programs =
        withShadows(
            fields.optional("programs", List.of(), value -> ProgramSection.read(value, labels)),
            fields,
            labels);
    boolean programsRead = problems.errors() == errorsBeforePrograms;
    List<Located<ListenerSpec>> listeners =
        fields.optional("listeners", List.of(), value -> ListenerSection.read(value, labels));
    List<Expectation> expectations =
        fields.optional("expect", List.of(), value -> ExpectationSection.read(value, labels));
    int loops = fields.optional("loops", 0, ProcessSections::loops);
    Limits limits = fields.optional("limits", Limits.DEFAULTS, ProcessSections::limits);
    Admin admin = fields.optional("admin", Admin.DEFAULTS, ProcessSections::admin);
    labels.check();
    checkUses(labels, changed);
    Value programSection = fields.optional("programs");
    boolean asked = programs.stream().anyMatch(Merge::isOfBindings);
    if (programSection != null && programsRead && !asked && table.size() > 0) {
      programSection.warning(
          "the bindings are never asked; add {name: bindings, builtin: bindings}");
    }
    List<CaptureSpec> effective = captures.stream().map(Located::value).toList();
    if (derived) {
      refuseAnyPorts(effective, changed);
    }
    if (derived && problems.errors() == 0) {
      effective = DerivedCaptures.of(effective, table, listeners);
    }
    if (!derived && capturesRead) {
      checkCaptured(effective, listeners);
      CaptureChecks.checkAdmin(captures, admin);
    }
    OffloadObstacles offload = new OffloadObstacles(effective, programs, limits);
    if (problems.errors() == 0) {
      CaptureChecks.checkTargets(
          effective, captures, destinations.stream().map(Located::value).toList(), root);
      destinations.forEach(offload::check);
    }
    if (effective.isEmpty() && problems.errors() == 0) {
      root.warning("nothing is captured: there is no capture, binding or listener");
    }
    return new Config(
        effective,
        derived,
        table,
        destinations.stream().map(Located::value).toList(),
        programs,
        listeners.stream().map(Located::value).toList(),
        expectations,
        loops,
        limits,
        admin,
        document);
  }

  private static List<ProgramSpec> withShadows(
      List<ProgramSpec> programs, Fields fields, Labels labels) {
    List<ProgramSpec> shadows =
        fields.optional(
            "shadows", List.of(), value -> ProgramSection.readShadows(value, programs, labels));
    return programs.stream()
        .map(program ->
            shadows.stream()
                .filter(it -> it.name().equals(program.name()))
                .findFirst()
                .<ProgramSpec>map(it -> new ProgramSpec.Shadowed(program, it))
                .orElse(program))
        .toList();
  }

  private static boolean isOfBindings(ProgramSpec program) {
    return program instanceof ProgramSpec.Bindings
        || program instanceof ProgramSpec.Shadowed its
            && its.program() instanceof ProgramSpec.Bindings;
  }

  /** Labels that know which sections can't be read, and might have held any. */
  private Labels labels(Layer file) {
    Labels labels = new Labels(problems);
    Set<String> unreadable = file.unreadable();
    Value nowhere =
        Value.root(new Node.Mapping(List.of(), 0, 0), problems, Value.Surroundings.NONE);
    if (unreadable.contains("destinations")) {
      labels.declare(null, null, nowhere);
    }
    if (unreadable.contains("bindings")
        || unreadable.contains("programs")
        || unreadable.contains("listeners")) {
      labels.use(null, null, EnumSet.noneOf(Protocol.class));
    }
    return labels;
  }

  /** Notes which labels have traffic; rows that have just been read complain at their place. */
  private void use(Labels labels) {
    if (fresh != null) {
      fresh.rows().use(labels);
    }
    bindings.forEachUsed((label, protocol) -> labels.use(label, EnumSet.of(protocol)));
  }

  /**
   * Labels that are bound without destination. At run time either may come first, so that is no
   * error: the traffic is spoken for, and refused until there is a destination. But nobody takes a
   * destination away that the file's bindings lead to.
   */
  private void checkUses(Labels labels, String changed) {
    bindings.forEachUsed((label, protocol) -> {
      if (labels.isDeclared(label, protocol)) {
        return;
      }
      Binding ofFile = MergedBindings.firstOf(document.layer(Layer.FILE), label, protocol);
      if (ofFile == null) {
        problems
            .of(Layer.RUNTIME)
            .warning(
                0,
                0,
                "",
                "'"
                    + label
                    + "' is bound and has no "
                    + protocol.word()
                    + " destination yet: its traffic is refused (miss); register a target");
      } else if (fresh == null && !changed.equals(Layer.FILE)) {
        problems
            .of(Layer.RUNTIME)
            .error(
                0,
                0,
                "destinations " + protocol.word() + " " + label,
                "is needed: "
                    + document.placeOf(ofFile)
                    + " binds "
                    + BindingKeys.text(ofFile)
                    + " to it; unbind that first");
      }
    });
  }

  private void refuseAnyPorts(List<CaptureSpec> captures, String changed) {
    if (fresh != null && captures.isEmpty()) {
      fresh.anyPorts().refuse(problems);
    }
    BindingTable.Difference difference = bindings.difference();
    if (fresh != null || difference == null) {
      return;
    }
    CaptureChecks checks = new CaptureChecks(captures);
    for (Binding binding : difference.put()) {
      if (binding.port() == Binding.ANY_PORT
          && !checks.overlaps(binding.protocol(), binding.prefix(), binding.port())) {
        problems
            .of(changed)
            .error(
                0,
                0,
                BindingKeys.text(binding),
                "port any needs a capture that brings every port in; add one first, like"
                    + " {name: edge, addresses: [192.0.2.1], ports: any, method: sk_lookup}");
      }
    }
  }

  private void checkCaptured(List<CaptureSpec> captures, List<Located<ListenerSpec>> listeners) {
    CaptureChecks.checkListeners(captures, listeners);
    BindingTable.Difference difference = bindings.difference();
    if (fresh != null) {
      CaptureChecks.check(captures, fresh.rows());
    }
    boolean isSame = before != null && before.captures().equals(captures);
    warnUncaptured(
        captures,
        isSame && difference != null ? difference.put() : MergedBindings.ofOthers(document));
  }

  /** The file's own bindings complain where they are read. */
  private void warnUncaptured(List<CaptureSpec> captures, List<Binding> some) {
    CaptureChecks checks = new CaptureChecks(captures);
    for (Binding binding : some) {
      if (problems.takesMore()
          && !checks.overlaps(binding.protocol(), binding.prefix(), binding.port())) {
        problems
            .of(Objects.requireNonNullElse(document.placeOf(binding), Layer.RUNTIME))
            .warning(
                0,
                0,
                BindingKeys.text(binding),
                "no capture brings it any " + binding.protocol().word() + " traffic");
      }
    }
  }
}
