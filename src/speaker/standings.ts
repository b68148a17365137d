/**
 * How the trackers of one virtual router stand: those of the appliance, as it has said, and those
 * of interfaces, which are the speaker's own. Finds nothing out, and moves nothing.
 */

import { combine, type Standing, type Tracked, UNMOVED } from "../core/track/combine.ts";

/** The trackers of one virtual router; the circle settles what follows from a change. */
export class Standings {
  /** What those of the appliance come to. */
  ordered: Standing = UNMOVED;
  /** Each of an interface. */
  interfaces: readonly Tracked[] = [];

  /** What all of them make of the virtual router. */
  get standing(): Standing {
    const interfaces = combine(this.interfaces);
    return {
      points: this.ordered.points + interfaces.points,
      yield: this.ordered.yield ?? interfaces.yield,
    };
  }
}
