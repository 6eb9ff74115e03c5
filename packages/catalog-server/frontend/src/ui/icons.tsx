/** The icons of modules and of step types. */

import "./icons.css";

import {
  AppWindow,
  BellRing,
  CircleHelp,
  CircleStop,
  Clock,
  Equal,
  Flag,
  GitBranch,
  type LucideIcon,
  Repeat,
  ShieldAlert,
  UserCheck,
  Workflow,
} from "lucide-react";
import { memo, useState } from "react";

/** The icons of the step types that the interface knows. */
export const TYPE_ICONS: Readonly<Record<string, LucideIcon>> = {
  "transform.assign": Equal,
  "state.set": Flag,
  "event.wait": BellRing,
  "time.wait": Clock,
  "human.task": UserCheck,
  "control.if": GitBranch,
  "control.forEach": Repeat,
  "control.tryCatch": ShieldAlert,
  "control.callWorkflow": Workflow,
  "control.return": CircleStop,
};

export function TypeIcon({ type, size = 18 }: { type: string; size?: number }) {
  const Icon = TYPE_ICONS[type] ?? CircleHelp;
  return (
    <span className="tile-icon type" aria-hidden>
      <Icon size={size} />
    </span>
  );
}

/** The icon that a module or an integration brings with it. */
export const ModuleIcon = memo(function ModuleIcon({
  token,
  size = 20,
}: {
  token: string | null | undefined;
  size?: number;
}) {
  const [isBroken, setBroken] = useState(false);
  return (
    <span className="tile-icon" aria-hidden>
      {token && !isBroken ? (
        <img
          src={`/api/workflow/registry/icons/${encodeURIComponent(token)}.svg`}
          alt=""
          width={size}
          height={size}
          onError={() => setBroken(true)}
        />
      ) : (
        <AppWindow size={size - 2} />
      )}
    </span>
  );
});
