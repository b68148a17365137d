/**
 * What others have said, so that it can be shown: servers, agents, scripts, callers. It shortens
 * nothing and translates nothing.
 */

/**
 * The text in one line and without anything that moves a cursor or turns the direction of writing:
 * a space stands for each such character.
 */
export function harmless(text: string): string {
  return text.replaceAll(MOVING, " ");
}

const MOVING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
