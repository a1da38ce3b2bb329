/**
 * Network namespaces for tests that need a bare one; those with hosts, routers and guests in them
 * are built by {@code redirector.demo.lab}.
 */
package dev.holdfast.lab;
