/** Times that come again, as people say them: between cron expressions and the few forms that have words. */

export type Repetition =
  | { every: "minutes"; minutes: number }
  | { every: "hour"; minute: number }
  | { every: "day"; hour: number; minute: number }
  | { every: "week"; days: number[]; hour: number; minute: number }
  | { every: "month"; day: number; hour: number; minute: number }
  | { every: "other"; cron: string };

const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

export function readCron(cron: string): Repetition {
  const other: Repetition = { every: "other", cron };
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5) {
    return other;
  }
  const [minutes, hours, dayOfMonth, months, daysOfWeek] = fields as [string, string, string, string, string];
  if (months !== "*") {
    return other;
  }
  const isEveryDay = dayOfMonth === "*" && daysOfWeek === "*";
  const step = /^\*\/([0-9]+)$/.exec(minutes);
  if (hours === "*" && isEveryDay) {
    if (minutes === "*") {
      return { every: "minutes", minutes: 1 };
    }
    if (step && 60 % Number(step[1]) === 0) {
      return { every: "minutes", minutes: Number(step[1]) };
    }
    const minute = number(minutes, 59);
    return minute === undefined ? other : { every: "hour", minute };
  }
  const [minute, hour] = [number(minutes, 59), number(hours, 23)];
  if (minute === undefined || hour === undefined) {
    return other;
  }
  if (isEveryDay) {
    return { every: "day", hour, minute };
  }
  if (dayOfMonth === "*") {
    const days = readDays(daysOfWeek);
    return days ? { every: "week", days, hour, minute } : other;
  }
  const day = number(dayOfMonth, 31);
  return daysOfWeek === "*" && day ? { every: "month", day, hour, minute } : other;
}

export function writeCron(repetition: Repetition): string {
  switch (repetition.every) {
    case "minutes":
      return repetition.minutes === 1 ? "* * * * *" : `*/${repetition.minutes} * * * *`;
    case "hour":
      return `${repetition.minute} * * * *`;
    case "day":
      return `${repetition.minute} ${repetition.hour} * * *`;
    case "week":
      return `${repetition.minute} ${repetition.hour} * * ${[...repetition.days]
        .sort((one, other) => ((one + 6) % 7) - ((other + 6) % 7))
        .map((day) => DAYS[day])
        .join(",")}`;
    case "month":
      return `${repetition.minute} ${repetition.hour} ${repetition.day} * *`;
    case "other":
      return repetition.cron;
  }
}

function number(text: string, most: number): number | undefined {
  return /^[0-9]{1,2}$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

function readDays(text: string): number[] | undefined {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [first, last] = part.split("-").map(day);
    if (first === undefined || part.split("-").length > 2 || (part.includes("-") && last === undefined)) {
      return undefined;
    }
    const end = last ?? first;
    if (end < first && end !== 0) {
      return undefined;
    }
    for (let each = first; each <= (end === 0 && first > 0 ? 7 : end); each++) {
      found.add(each % 7);
    }
  }
  return [...found].sort((one, other) => one - other);
}

function day(text: string): number | undefined {
  const named = DAYS.indexOf(text.toUpperCase());
  return named >= 0 ? named : /^[0-7]$/.test(text) ? Number(text) % 7 : undefined;
}
