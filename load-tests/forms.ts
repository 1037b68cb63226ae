import { InvalidArgumentError } from 'commander';

/** Form of an option: a whole number in a range; underscores may part its digits. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''));
    if (!/^[\d_]+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${String(least)} to ${String(most)}.`);
    }
    return value;
  };
}

/** Form of an option: texts with commas between. */
export function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}
