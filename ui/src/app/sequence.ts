// Were events lost? Numbers count up by one; a gap says yes.

export class Sequence {
  private last: number | undefined;

  /** A new line begins at any number. */
  restart(): void {
    this.last = undefined;
  }

  missed(number: number): boolean {
    const gap = this.last !== undefined && number > this.last + 1;
    this.last = number;
    return gap;
  }
}
