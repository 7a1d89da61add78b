/** What captures and sources need of the machine, asked before they are used, and by command. */
@NullMarked
package io.sluice.proxy.doctor;

import org.jspecify.annotations.NullMarked;
