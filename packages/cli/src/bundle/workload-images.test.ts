import { expect, test } from "vitest";
import { ConfigError } from "../config/config-error.ts";
import { workloadImages } from "./workload-images.ts";

test("containers of any kind of object, in lists and templates, and image volumes are found with their lines", () => {
  const text = `kind: List
apiVersion: v1
items:
  - kind: CronJob
    spec:
      jobTemplate:
        spec: { template: { spec: { initContainers: [{ image: a/init:1 }], containers: [{ image: a/job:1 }] } } }
---
apiVersion: example.com/v1
kind: Rollout
spec:
  template:
    spec:
      ephemeralContainers: [{ image: "nginx" }]
      volumes:
        - image: { reference: ghcr.io/acme/model:2 }
        - configMap: { name: image }
  image: not-a-container:1
`;
  expect(workloadImages(text, "all.yaml", {}).images).toEqual([
    { image: "docker.io/a/init:1", line: 7 },
    { image: "docker.io/a/job:1", line: 7 },
    { image: "docker.io/library/nginx:latest", line: 14 },
    { image: "ghcr.io/acme/model:2", line: 16 },
  ]);
});

test("services of compose are found through anchors and variables; those that are built are told", () => {
  const text = `x-base: &base { image: "ghcr.io/acme/\${NAME}:\${TAG:-\${MAJOR:-1}.0}" }
services:
  web: { <<: *base }
  db: { image: "postgres:\${PG-17}" }
  dev: { build: . }
`;
  expect(workloadImages(text, "compose.yaml", { NAME: "app", MAJOR: "2" })).toEqual({
    images: [
      { image: "ghcr.io/acme/app:2.0", line: 3 },
      { image: "docker.io/library/postgres:17", line: 4 },
    ],
    built: ["dev"],
  });
});

test.each([
  ["services: { a: { image: 'x:${TAG}' } }", "The variable TAG is not set"],
  ["services: { a: { image: 'x:${TAG:?which one}' } }", "The variable TAG is not set: which one"],
  ["services: { a: { image: 'x:${TAG' } }", "A variable that is not written as one"],
  ["spec: { containers: [{ image: 'Upper/Case' }] }", "must be lower case"],
  ["a: [", "Not valid YAML"],
])("%s is refused where it stands", (text, message) => {
  const error = (() => {
    try {
      workloadImages(text, "wrong.yaml", {});
    } catch (thrown) {
      return thrown;
    }
    return undefined;
  })();
  if (!(error instanceof ConfigError)) throw new TypeError("nothing was refused");
  expect(error.message).toContain(message);
  expect(error.issues[0]?.location).toMatchObject({ file: "wrong.yaml", line: 1 });
});

test("values of aliases do not grow without end", () => {
  const text = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]",
    "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]",
  ];
  const bomb = [...text, "d: [*c,*c,*c,*c,*c,*c,*c,*c,*c]"].join("\n");
  expect(() => workloadImages(bomb, "bomb.yaml", {})).toThrow('Cannot read "bomb.yaml"');
});
