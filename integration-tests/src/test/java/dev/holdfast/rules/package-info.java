/**
 * What the house demands of its sources: which room may use which, which are pure, how things are
 * named, how long a file is.
 */
package dev.holdfast.rules;
