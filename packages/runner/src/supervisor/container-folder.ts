/*
 * What is in a container's folder besides its record and state; see `ContainerStore`.
 */

/** A lock, held by the process that watches over the container. */
export const lockFile = "supervisor";
/** There when somebody stopped the container: its restart policy rests. */
export const stoppedFile = "stopped";
/** The folder of its log; see `LogWriter`. */
export const logFolder = "log";
