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
    notes: [{ text: "the service dev is built there, and names no image", line: 5 }],
  });
});

test("what may need an image that is not taken along is told with its line", () => {
  const compose = `include: [more.yaml]
services:
  extended: { extends: { file: base.yaml, service: web } }
  same: { extends: web }
  web: { image: nginx, volumes: [{ type: image, source: "acme/assets:1", target: /srv }, "/a:/b"] }
  nothing: { command: ls }
`;
  expect(workloadImages(compose, "compose.yaml", {})).toEqual({
    images: [
      { image: "docker.io/library/nginx:latest", line: 5 },
      { image: "docker.io/acme/assets:1", line: 5 },
    ],
    notes: [
      { text: "what it includes is taken along only when it is named as well", line: 1 },
      { text: "the service extended extends one of base.yaml: name that as well", line: 3 },
      { text: "the service nothing names no image", line: 6 },
    ],
  });
  const objects = `kind: Prometheus
spec:
  image: quay.io/prometheus/prometheus:v3
  containers: [{ name: patch-without-image }]
  sidecar: { image: { registry: quay.io, repository: acme/side, tag: 1 } }
  icon: { image: picture }
---
kind: HelmRelease
`;
  expect(workloadImages(objects, "objects.yaml", {})).toEqual({
    images: [],
    notes: [
      { text: '"quay.io/prometheus/prometheus:v3" may be an image, and is not taken along: name it as well', line: 3 },
      { text: '"quay.io/acme/side:1" may be an image, and is not taken along: name it as well', line: 5 },
      { text: "what this HelmRelease installs is rendered there, and not taken along", line: 8 },
    ],
  });
});

test.each([
  ["services: { a: { image: 'x:${TAG}' } }", "The variable TAG is not set"],
  ["services: { a: { image: 'x:${TAG:?which one}' } }", "The variable TAG is not set: which one"],
  ["services: { a: { image: 'x:${TAG' } }", "A variable that is not written as one"],
  ["spec: { containers: [{ image: 'Upper/Case' }] }", "must be lower case"],
  ["a: [", "Not valid YAML"],
  ["spec: { containers: [{ image: {{ .Values.image }} }] }", "Expected the name of an image"],
  ["spec: { containers: [{ image: '{{ .Values.image }}:1' }] }", "Cannot parse image name"],
  ["spec: { containers: [{ image: 'app:${TAG}' }] }", "is not a tag"],
  ["spec: { containers: [{ image: 7 }] }", "Expected the name of an image"],
  ["spec: { containers: [{ image: '' }] }", "it is empty"],
  ["apiVersion: kustomize.config.k8s.io/v1beta1", "A kustomization changes the images"],
  ["{kind: Pod, kind: Job}", "Not valid YAML: Map keys must be unique"],
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

test.each([
  ["kustomization.yaml", "resources: [base.yaml]", "A kustomization changes the images of what it is made of"],
  ["Kustomization", "resources: [base.yaml]", "A kustomization changes the images of what it is made of"],
  ["Chart.yaml", "apiVersion: v2\nname: app", "The images of a Helm chart are known when it is rendered"],
])("%s, which is not what is applied, is refused", (name, text, message) => {
  expect(() => workloadImages(text, `deploy/${name}`, {})).toThrow(message);
});

test.each([
  ["an alias that holds itself", "a: &a [*a]"],
  ["lists too deep", "[".repeat(20_000)],
])("%s is refused", (_, text) => {
  expect(() => workloadImages(text, "wrong.yaml", {})).toThrow(ConfigError);
});

test("an empty file, comments and documents of nothing have no images", () => {
  for (const text of ["", "# nothing\n", "---\n---\n", "null", "7", "[]"])
    expect(workloadImages(text, "empty.yaml", {})).toEqual({ images: [], notes: [] });
});
