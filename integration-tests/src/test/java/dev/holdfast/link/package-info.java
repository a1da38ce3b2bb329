/** IP-in-IP between two namespaces: what real kernels send and what they make of ours. */
package dev.holdfast.link;
