/** eBPF objects in process: a library beside the engine that anyone can embed. */
module io.sluice.bpf {
  requires transitive io.sluice.steering;
  requires static transitive org.jspecify;

  exports io.sluice.bpf;
  exports io.sluice.bpf.isa;
  exports io.sluice.bpf.object;
  exports io.sluice.bpf.run;
  exports io.sluice.bpf.verify;
  exports io.sluice.bpf.compile;
}
