import { describe, expect, it } from "vitest";
import { CannotRun } from "../../../src/appliance/cannot_run.ts";
import { chooseEngine } from "../../../src/appliance/engine_kind.ts";
import { ENOSYS, EPERM } from "../../../src/linux/errno.ts";

describe("chooseEngine()", () => {
  it("takes io_uring where the kernel lets us have it", () => {
    expect(chooseEngine("auto", () => 0)).toEqual({
      engine: "uring",
      reason: "this kernel offers io_uring",
    });
    expect(chooseEngine("uring", () => 0).engine).toBe("uring");
  });

  it("does not ask where the configuration says epoll", () => {
    const probe = () => {
      throw new Error("nobody wants to know");
    };
    expect(chooseEngine("epoll", probe).engine).toBe("epoll");
  });

  it.each([
    { errno: ENOSYS, cause: "ENOSYS; it takes Linux 6.1 or later" },
    { errno: EPERM, cause: "EPERM; allow it by sysctl kernel.io_uring_disabled=0" },
  ])("falls back to epoll and says why: $cause", ({ errno, cause }) => {
    const chosen = chooseEngine("auto", () => -errno);
    expect(chosen.engine).toBe("epoll");
    expect(chosen.reason).toContain(cause);
  });

  it("refuses to run where only io_uring will do and there is none", () => {
    expect(() => chooseEngine("uring", () => -EPERM)).toThrow(CannotRun);
    expect(() => chooseEngine("uring", () => -EPERM)).toThrow(/kernel\.io_uring_disabled=0.*auto/);
  });
});
