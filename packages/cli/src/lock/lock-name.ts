/** Beside the description; it belongs into version control. */
export const lockName = "lading.lock";
