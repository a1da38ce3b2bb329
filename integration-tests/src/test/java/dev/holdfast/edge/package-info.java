/** Whether the tables of the protocol edge notice that a rule is broken. */
@NullMarked
package dev.holdfast.edge;

import org.jspecify.annotations.NullMarked;
