import { expect, test } from "vitest";
import { parseStatus } from "./process-status.ts";

const recorded = `Name:	busybox
State:	S (sleeping)
Uid:	0	1000	0	0
Gid:	0	1001	0	0
Groups:	10 20 
CapInh:	0000000000000000
CapPrm:	0000000020000420
CapEff:	0000000000000400
CapBnd:	0000020020000420
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
`;

test("ids are those in effect, capabilities have names, and one newer than its name a number", () => {
  expect(parseStatus(recorded)).toEqual({
    state: "S",
    uid: 1000,
    gid: 1001,
    groups: [10, 20],
    capabilities: {
      effective: ["CAP_NET_BIND_SERVICE"],
      permitted: ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"],
      inheritable: [],
      bounding: ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE", "CAP_41"],
      ambient: [],
    },
    noNewPrivileges: true,
    seccomp: "filter",
  });
});

test("a kernel without seccomp filters nothing, and a process without groups has none", () => {
  expect(parseStatus("State:\tR (running)\nGroups:\t \n")).toMatchObject({ seccomp: "disabled", groups: [] });
});
