import type { Container } from "@lading/runner";
import { expect, test } from "vitest";
import { type Bench, newName } from "./bench.ts";

/** Names, IDs, prefixes and labels: how containers are found. */
export function names(bench: () => Bench): void {
  test("a container is found by its name, its ID, and a prefix that no other has", async () => {
    const { engine } = bench();
    const name = newName();
    await using container = await bench().shell("true", { name });

    expect(container.name).toBe(name);
    expect(container.id).toMatch(/^[0-9a-f]{64}$/);
    for (const key of [name, container.id, container.id.slice(0, 24)])
      expect(await engine.get(key), key).toMatchObject({ id: container.id, name, engine: engine.name });
    expect(await (await engine.get(name)).info()).toEqual(await container.info());
  });

  test("nothing is found by another name", async () => {
    const { engine } = bench();

    await expect(engine.get(newName())).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(engine.get("0".repeat(64))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a prefix of two IDs is no one's", async () => {
    const { engine } = bench();
    const made = new Map<string, Container>();
    try {
      // Among twenty or so, two begin with the same two digits.
      for (;;) {
        const container = await bench().shell("true");
        const digits = container.id.slice(0, 2);
        const other = made.get(digits);
        made.set(other === undefined ? digits : container.id, container);
        if (other === undefined) continue;
        await expect(engine.get(digits)).rejects.toMatchObject({ code: "AMBIGUOUS" });
        expect((await engine.get(other.id)).id).toBe(other.id);
        return;
      }
    } finally {
      for (const container of made.values()) await container.remove();
    }
  });

  test("a name is one container's, until that is removed", async () => {
    const name = newName();
    const first = await bench().shell("true", { name });

    await expect(bench().shell("true", { name })).rejects.toMatchObject({
      code: "NAME_TAKEN",
      hint: expect.stringContaining(`lading rm ${name}`),
    });
    expect((await bench().engine.get(name)).id).toBe(first.id);

    await first.remove();
    const second = await bench().shell("true", { name });
    expect(second.id).not.toBe(first.id);
    await second.remove();
  });

  test("of five who want a name at once one gets it", async () => {
    const name = newName();

    const results = await Promise.allSettled(Array.from({ length: 5 }, () => bench().shell("true", { name })));

    const made = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(made).toHaveLength(1);
    for (const result of results)
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "NAME_TAKEN" });
    for (const container of made) await container.remove();
  });

  test("who gives no name gets one that nobody has", async () => {
    await using first = await bench().shell("true");
    await using second = await bench().shell("true");

    expect(first.name).not.toBe("");
    expect(second.name).not.toBe(first.name);
    expect((await bench().engine.get(second.name)).id).toBe(second.id);
  });

  test("the list has the newest first, each as its info says", async () => {
    await using first = await bench().shell("true", { labels: { order: "first" } });
    await using second = await bench().shell("true", { labels: { order: "second" } });
    await bench().toEnd(second);

    const list = await bench().engine.list();

    const ours = list.filter(({ id }) => id === first.id || id === second.id);
    expect(ours).toEqual([await second.info(), await first.info()]);
  });

  test("labels are the image's and the request's, and those that engines obey are not", async () => {
    await using container = await bench().shell("true", { labels: { "a.b/c": "value = 1", empty: "" } });

    const { labels } = await container.info();

    expect(labels).toEqual({ ...bench().image.config.config?.Labels, "a.b/c": "value = 1", empty: "" });
  });
}
