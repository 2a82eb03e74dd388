import type { Options } from "@lading/oci";
import type { PolicyImage } from "@lading/trust";
import type { Located } from "../locate.ts";

/** Decides which images a command may use. */
export interface Admission {
  /** Throws TrustError for an image that must not be used. `place` is as it was written. */
  admit(place: string, located: Omit<Located, "shown">, options?: Options): Promise<void>;
  /** As `admit`, for an image that is nowhere but in a bundle, by the name that it has there. */
  admitNamed(
    name: string | undefined,
    image: Omit<PolicyImage, "place">,
    file: string,
    options?: Options,
  ): Promise<void>;
}
