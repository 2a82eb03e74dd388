import { expect, test } from "vitest";
import { podmanError } from "./podman-error.ts";

// What podman 4.3 and 5.8, runc and crun said.
test.each([
  [404, "no container with name or ID x found: no such container", "NOT_FOUND"],
  [500, "container x does not exist in database: no such container", "NOT_FOUND"],
  [
    500,
    'creating container storage: the container name "x" is already in use by 1f. You have to remove that container to be able to reuse that name: that name is already in use',
    "NAME_TAKEN",
  ],
  [500, "cannot listen on the TCP port: listen tcp4 127.0.0.1:80: bind: address already in use", "PORT_TAKEN"],
  [500, "rootlessport listen tcp 0.0.0.0:80: bind: address already in use", "PORT_TAKEN"],
  [
    500,
    'runc: runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: OCI runtime attempted to invoke a command that was not found',
    "COMMAND_NOT_FOUND",
  ],
  [
    500,
    "crun: executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    "COMMAND_NOT_FOUND",
  ],
  [
    500,
    'runc: exec failed: unable to start container process: chdir to cwd ("/nope") set in config.json failed: no such file or directory: OCI runtime attempted to invoke a command that was not found',
    "ENGINE",
  ],
  [
    500,
    'runc: runc create failed: unable to start container process: exec: "/etc/passwd": permission denied: OCI permission denied',
    "COMMAND_NOT_EXECUTABLE",
  ],
  [409, "can only kill running containers. x is in state exited: container state improper", "STATE"],
  [
    500,
    "cannot remove container x as it is running - running or paused containers cannot be removed without force: container state improper",
    "STATE",
  ],
  [
    409,
    "image used by 1f: image is in use by a container: consider listing external containers and force-removing image",
    "IN_USE",
  ],
  [500, 'unknown mount option "x": invalid mount option', "UNSUPPORTED"],
  [500, "unable to find user nobody: no matching entries in passwd file", "USER"],
  [500, "creating container storage: could not find enough available IDs", "UNSUPPORTED"],
  [500, "database is locked", "ENGINE"],
])("%i %s", (status, message, code) => {
  const error = podmanError('Cannot start "x"', status, message);
  expect(error).toMatchObject({ code });
  expect(error.message).toBe(`Cannot start "x": ${message}`);
});

test("ids that are used up are told with who may have them all", () => {
  expect(podmanError("Cannot", 500, "could not find enough available IDs").hint).toContain("keep-id has every id");
});

test("what terminals obey does not come out of a message, nor a book", () => {
  expect(podmanError("Cannot", 500, "a\u001B[31m\nb").message).toBe("Cannot: a [31m b");
  expect(podmanError("Cannot", 500, "x".repeat(5000)).message.length).toBeLessThan(1100);
});
