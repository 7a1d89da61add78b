/** The SK_LOOKUP engine: a library without dependencies that anyone can embed. */
module io.sluice.steering {
  requires static transitive org.jspecify;

  exports io.sluice.steering;
  exports io.sluice.steering.binding;
  exports io.sluice.steering.map;
  exports io.sluice.steering.reuseport;
  exports io.sluice.steering.stream;
}
