/** The screens, each loaded when it is first gone to, and the areas that the navigation shows. */

import { Activity, KeyRound, ListTodo, type LucideIcon, Plug, ServerCog, Workflow } from "lucide-react";
import { type ComponentType, lazy } from "react";
import { Navigate, type RouteObject } from "react-router";

import type { MessageId } from "./i18n";
import { Signed } from "./session/Signed";
import type { Session } from "./session/session";

interface Area {
  path: string;
  label: MessageId;
  icon: LucideIcon;
  permission?: string;
}

const ADMIN = "workflow:admin";

export const AREAS: readonly Area[] = [
  { path: "/workflows", label: "shell.area.workflows", icon: Workflow },
  { path: "/runs", label: "shell.area.runs", icon: Activity },
  { path: "/tasks", label: "shell.area.tasks", icon: ListTodo },
  { path: "/connections", label: "shell.area.connections", icon: Plug },
  { path: "/secrets", label: "shell.area.secrets", icon: KeyRound, permission: ADMIN },
  { path: "/system", label: "shell.area.system", icon: ServerCog, permission: ADMIN },
];

type Screen = ComponentType<{ session: Session }>;

/** A screen for those who are signed in. */
function screen(path: string, load: () => Promise<{ default: Screen }>): RouteObject {
  const Loaded = lazy(load);
  return { path, element: <Signed>{(session) => <Loaded session={session} />}</Signed> };
}

export const ROUTES: RouteObject[] = [
  screen("/workflows", () => import("./workflows/WorkflowsScreen")),
  screen("/workflows/:id", () => import("./publish/EditorPage")),
  screen("/workflows/:id/versions", () => import("./versions/VersionsScreen")),
  screen("/runs", () => import("./runs/RunsScreen")),
  screen("/runs/effects", () => import("./runs/EffectsScreen")),
  screen("/runs/:id", () => import("./runs/RunScreen")),
  screen("/tasks", () => import("./tasks/TasksScreen")),
  screen("/tasks/:id", () => import("./tasks/TaskScreen")),
  screen("/connections", () => import("./connections/ConnectionsScreen")),
  screen("/connections/:provider", () => import("./connections/ConnectionScreen")),
  screen("/secrets", () => import("./secrets/SecretsScreen")),
  screen("/system", () => import("./system/SystemScreen")),
  { path: "*", element: <Navigate to="/workflows" replace /> },
];
