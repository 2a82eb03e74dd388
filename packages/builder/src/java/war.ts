import { BuildError } from "../errors.ts";
import type { JavaRequest, JavaImage } from "./java-archive.ts";
import { jettyOf, jettyBase } from "./java-base.ts";
import type { JavaArchive } from "./open-java-archive.ts";
import { unpackedLayers } from "./unpacked-layers.ts";

const jettyRoot = "/var/lib/jetty/webapps/ROOT";

/** A web application, unpacked where its server looks for it. */
export function war(archive: JavaArchive, { asked, appRoot, jvmFlags }: JavaRequest): JavaImage {
  const from = asked.from ?? jettyBase;
  const jetty = jettyOf(from);
  const root = appRoot ?? (jetty && jettyRoot);
  if (root === undefined)
    throw new BuildError(
      "SPEC",
      `Cannot build "${archive.name}" on ${from}: where it keeps web applications is not known`,
      {
        hint: "Name the folder with --app-root, for instance /usr/local/tomcat/webapps/ROOT",
      },
    );
  // What starts another server is its image's business.
  const own = jetty === undefined || jetty.old;
  if (jvmFlags.length > 0 && own)
    throw new BuildError("SPEC", `Cannot give flags to the Java of ${from}: its own command starts it`, {
      hint: "Set the variable that its server reads, for instance --env JAVA_TOOL_OPTIONS=…",
    });
  return {
    from,
    layers: unpackedLayers(archive, root, [
      { name: "dependencies", include: [libraries], exclude: [snapshots] },
      { name: "snapshot dependencies", include: [snapshots] },
      { name: "resources", exclude: [libraries, classes] },
      { name: "classes", include: [classes] },
    ]),
    // Since Jetty 12 the module that deploys must be named.
    entrypoint:
      own || asked.entrypoint !== undefined
        ? undefined
        : ["java", ...jvmFlags, "-jar", "/usr/local/jetty/start.jar", "--module=ee10-deploy"],
  };
}

const libraries = "WEB-INF/lib";
const snapshots = `${libraries}/**/*SNAPSHOT*`;
const classes = "WEB-INF/classes/**/*.class";
