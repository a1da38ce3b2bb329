/**
 * What the runner does with these tests: which suite each belongs to ({@code SuiteFilter}; without
 * one it runs in {@code ./verify}), and which may run two at a time ({@code SideBySide}: those that
 * measure nothing).
 */
package dev.holdfast.suite;
